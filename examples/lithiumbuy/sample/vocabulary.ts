// The words of the sample data. All companies and people are invented.

export type Material = {
  readonly name: string;
  readonly grade: string;
  readonly type: 'raw' | 'compound' | 'processed';
  readonly purity: '99' | '99.5' | '99.9' | null;
  /** USD per unit, lowest and highest. */
  readonly price: readonly [number, number];
  readonly unit: string;
};

const material = (
  name: string,
  grade: string,
  type: Material['type'],
  purity: Material['purity'],
  low: number,
  high: number,
  unit = 't',
): Material => ({ name, grade, type, purity, price: [low, high], unit });

export const materials: readonly Material[] = [
  material('Spodumene concentrate', 'SC6, 6.0 % Li₂O', 'raw', null, 780, 1250),
  material('Spodumene concentrate', 'SC5.5, 5.5 % Li₂O', 'raw', null, 690, 1080),
  material('Lepidolite concentrate', '2.5 % Li₂O', 'raw', null, 210, 390),
  material('Petalite concentrate', '4.1 % Li₂O, low iron', 'raw', null, 540, 760),
  material('Concentrated lithium chloride brine', '6 % Li', 'raw', null, 1400, 2300),
  material('Lithium carbonate', 'technical grade', 'compound', '99', 9800, 12900),
  material('Lithium carbonate', 'battery grade', 'compound', '99.5', 11200, 15400),
  material('Lithium carbonate', 'micronised, D50 ≤ 5 µm', 'compound', '99.5', 12100, 16800),
  material('Lithium carbonate', 'pharmaceutical grade', 'compound', '99.9', 21000, 29500),
  material('Lithium hydroxide monohydrate', 'technical grade', 'compound', '99', 9500, 12200),
  material('Lithium hydroxide monohydrate', 'battery grade', 'compound', '99.5', 10900, 15900),
  material('Lithium chloride, anhydrous', 'catalyst grade', 'compound', '99', 8700, 11400),
  material('Lithium fluoride', 'electrolyte grade', 'compound', '99.9', 24, 39, 'kg'),
  material('Lithium hexafluorophosphate', 'electrolyte salt', 'processed', '99.9', 8, 17, 'kg'),
  material('Lithium metal ingot', 'battery grade', 'processed', '99.9', 76, 118, 'kg'),
  material('Lithium metal foil', '50 µm × 100 mm', 'processed', '99.9', 310, 520, 'kg'),
  material('Lithium iron phosphate cathode powder', 'LFP, carbon coated', 'processed', '99', 4600, 6900),
  material('Black mass', 'NMC 622, 4.2 % Li', 'raw', null, 1900, 3600),
];

/** Name, country, city and the host of its website. */
export const companies: readonly (readonly [string, string, string, string])[] = [
  ['Salar Azul Litio SpA', 'Chile', 'Antofagasta', 'salarazul'],
  ['Puna Evaporitas S.A.', 'Argentina', 'Salta', 'punaevaporitas'],
  ['Banksia Range Lithium Pty Ltd', 'Australia', 'Perth', 'banksiarange'],
  ['Goldfields Spodumene Pty Ltd', 'Australia', 'Kalgoorlie', 'goldfieldsspodumene'],
  ['Yichun Tianhe New Materials 宜春天禾新材料', 'China', 'Yichun', 'tianhe'],
  ['云峰锂业有限公司', 'China', 'Chengdu', 'yunfeng'],
  ['Qinghai Saltlake Reagents', 'China', 'Xining', 'qhreagents'],
  ['Nordlys Batterimineraler AS', 'Norway', 'Kristiansand', 'nordlys'],
  ['Kärnlitium Oy', 'Finland', 'Kokkola', 'karnlitium'],
  ['Erzwerk Freiberg GmbH', 'Germany', 'Freiberg', 'erzwerk'],
  ['Oberrhein Thermalsole GmbH & Co. KG', 'Germany', 'Karlsruhe', 'thermalsole'],
  ['Verde Barroso Lítio, Lda.', 'Portugal', 'Boticas', 'verdebarroso'],
  ['Jequi Lítio Mineração Ltda.', 'Brazil', 'Araçuaí', 'jequilitio'],
  ['Mutoko Pegmatite Mining', 'Zimbabwe', 'Mutoko', 'mutokopegmatite'],
  ['Basin & Clay Lithium Co.', 'United States', 'Winnemucca', 'basinclay'],
  ['Piedmont Hydroxide Works', 'United States', 'Gastonia', 'pihydroxide'],
  ["Abitibi Spodumène inc. (Val-d'Or)", 'Canada', "Val-d'Or", 'abitibispodumene'],
  ['한빛리튬 Hanbit Lithium', 'South Korea', 'Pohang', 'hanbit'],
  ['山吹電池材料 Yamabuki Battery Materials', 'Japan', 'Osaka', 'yamabuki'],
  ["O'Rourke & Daughters Reagents", 'United Kingdom', 'Redruth', 'orourke'],
  ['Śląskie Zakłady Litowe S.A.', 'Poland', 'Katowice', 'slzl'],
  ['Cínovecké lithium s.r.o.', 'Czechia', 'Teplice', 'cinlith'],
  ['Jadarit Hemija d.o.o.', 'Serbia', 'Loznica', 'jadarit'],
  ['Ghana Coast Minerals Ltd', 'Ghana', 'Takoradi', 'gcminerals'],
  ['Manono Sud Exploitation SARL', 'DR Congo', 'Lubumbashi', 'manonosud'],
  ['Massif Central Lithium SAS', 'France', 'Clermont-Ferrand', 'mclithium'],
  ['Rincón Alto Salmueras', 'Argentina', 'San Antonio de los Cobres', 'rinconalto'],
  ['Uyuni Evaporación EPN', 'Bolivia', 'Uyuni', 'uyunievap'],
  ['CellLoop Recycling B.V.', 'Netherlands', 'Rotterdam', 'cellloop'],
  ['Bharat Lithium Refiners', 'India', 'Kota', 'bharatli'],
];

/** Name, company and the local part of the address; a null name shows as the address. */
export const people: readonly (readonly [string | null, string | null, string])[] = [
  ['Zoë van der Berg', 'Amperion Cells N.V.', 'zoe'],
  ['María José Fuentes Ñáñez', 'Salar Azul Litio SpA', 'mj.fuentes'],
  ['Łukasz Wiśniewski', 'Wisła Ogniwa Sp. z o.o.', 'lukasz'],
  ['李伟', 'Hengtong Cathode 恒通正极', 'li.wei'],
  ['Søren Østergård', 'Nordhavn Storage ApS', 'soren'],
  ['Aïcha Benali', 'Atlas Ceramics', 'aicha'],
  ['Nguyễn Thị Hương', 'Sao Mai Batteries', 'huong'],
  ['Jürgen Groß', 'Schwarzwald Akku GmbH', 'jgross'],
  ["Siobhán O'Connor", "O'Connor & Byrne Greases", 'siobhan'],
  ['Олена Коваленко', null, 'olena'],
  ['佐藤 健', 'Setouchi Cell Kōgyō', 'sato'],
  ['Priya Raghunathan', 'Deccan Energy Storage', 'priya'],
  [null, 'Meridian Glass & Glaze', 'purchasing'],
  ['Tomáš Dvořák', 'Vltava Motors a.s.', 'tomas'],
  ['Chipo Moyo', 'Mutoko Pegmatite Mining', 'chipo'],
  ['Kim Min-jun 김민준', 'Hanbit Lithium', 'minjun'],
  ['Ana Beatriz Conceição', 'Jequi Lítio Mineração Ltda.', 'ana'],
  ['Grace Whitfield', 'Banksia Range Lithium Pty Ltd', 'grace'],
  ['Björn Þorvaldsson', 'Reykjanes Aluminium Alloys', 'bjorn'],
  ['Fatou Diop', null, 'fatou'],
  ['Liam "Spud" Carrigan', 'Goldfields Spodumene Pty Ltd', 'liam'],
  ['Émilie Lachance-Roy', 'Électrolytes Saguenay', 'emilie'],
  [null, null, 'ops'],
  ['Dana Reyes', 'LithiumBuy', 'dana'],
];

export const destinations: readonly (readonly [string, string | null])[] = [
  ['Netherlands', 'Rotterdam'],
  ['Germany', 'Bremerhaven'],
  ['South Korea', 'Busan'],
  ['Japan', 'Kōbe'],
  ['China', 'Ningbo'],
  ['Poland', 'Gdańsk'],
  ['Canada', 'Bécancour'],
  ['United States', 'Savannah'],
  ['Morocco', null],
  ['Norway', 'Herøya'],
];

export const certificates: readonly string[] = [
  'ISO 9001',
  'ISO 14001',
  'ISO 45001',
  'IATF 16949',
  'IRMA 75',
  'REACH',
  'RMAP',
];

export const paymentTerms: readonly (string | null)[] = [
  '30 % with order, 70 % against bill of lading',
  'Irrevocable letter of credit at sight',
  'Net 30 after final assay',
  'Net 60, 1.5 % discount within 10 days',
  'Cash against documents',
  null,
];

export const notes: readonly (string | null)[] = [
  null,
  'Includes third-party assay at load port; moisture up to 8 % on spodumene.',
  'Price indexed monthly, floor and ceiling negotiable.\nBig bags of 500 kg, palletised.',
  'Subject to vessel availability 🚢; laycan ±5 days.',
  'Sodium below 50 ppm guaranteed, magnetic impurities below 100 ppb.',
];

export const comments: readonly (string | null)[] = [
  'Certificate of analysis matched our own ICP-OES run to the second decimal.',
  'Two weeks late, but they said so early and covered the demurrage.',
  'Big bags arrived damp. Replaced without a discussion.',
  'Colour slightly off-white, within specification.',
  null,
];

const specification = [
  'Scope. The buyer invites offers for the material named in the title, for delivery in equal monthly lots over twelve months, with an option of a further six months on the same terms.',
  'Chemistry. Offers state the guaranteed and the typical analysis: Li₂CO₃ or LiOH·H₂O content, Na, K, Ca, Mg, Fe, Cu, Zn, Si, SO₄²⁻, Cl⁻, loss on ignition at 550 °C, moisture at 110 °C and magnetic impurities in ppb. A certificate of analysis travels with every lot; the buyer samples one bag in ten.',
  'Physical form. D10, D50 and D90 by laser diffraction, tapped density, and a photograph of the powder under ×500. Agglomerates above 250 µm are a reason to reject.',
  'Packing. 500 kg big bags with an aluminium inner liner, nitrogen-flushed for hydroxide, on heat-treated pallets. Each bag carries lot number, net weight, production date and UN number where one applies.',
  'Delivery. CIF under Incoterms 2020 to the port named; the seller gives a shipping programme ten working days ahead. Demurrage caused by missing documents is for the seller’s account.',
  'Origin. Mine, concentrator and refinery are named for each lot. The buyer audits the chain of custody once a year, with two weeks’ notice, and publishes a summary.',
  'Price. Offers are fixed for ninety days or follow a published index with a floor and a ceiling; say which index, which months and which conversion factor. Duties and taxes are shown apart.',
  'Rejection. If an umpire laboratory finds a lot outside the guaranteed analysis, the seller takes it back at its own cost within thirty days or grants the price reduction agreed in the offer.',
  'Award. Offers are scored on price (50), guaranteed chemistry (20), delivery (15), certificates (10) and transport emissions (5). The buyer may split the quantity between two sellers, and answers every offer within ten working days of the deadline, the ones that it turns down included.',
  'Questions are asked on the platform until a week before the deadline; question and answer are shown to all bidders, without names.',
];

/** What a request says below its title; `long` gives the whole specification, over 2,000 characters. */
export const requestText = (title: string, long: boolean): string =>
  [`${title}.`, ...(long ? specification : specification.slice(0, 1))].join('\n\n');
