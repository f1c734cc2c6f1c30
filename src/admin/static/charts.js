// Draws the tables of numbers that stand in the page: without the script, the tables are the charts.

const plots = new Map();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const numberIn = (cell) => (cell.dataset.value === '' ? null : Number(cell.dataset.value));

/** In UTC, as every exact time of the pages. */
const clock = (seconds) => new Date(seconds * 1_000).toISOString().slice(11, 16);

function dataOf(figure) {
  const rows = [...figure.querySelectorAll('tbody tr')];
  const width = figure.querySelectorAll('thead th').length;
  return Array.from({ length: width }, (_, at) => rows.map((row) => numberIn(row.children[at])));
}

function optionsOf(figure, box) {
  const names = [...figure.querySelectorAll('thead th')].map((cell) => cell.textContent);
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.clientWidth,
    height: 160,
    cursor: { y: false },
    legend: { show: false },
    scales: { y: { range: (_, __, top) => [0, Math.max((top ?? 0) * 1.1, 1)] } },
    axes: [
      { ...axis, space: 60, values: (_, ticks) => ticks.map(clock) },
      { ...axis, size: 44 },
    ],
    series: names.map((label, at) =>
      at === 0
        ? { label }
        : {
            label,
            stroke: colour(at === 1 ? '--chart-a' : '--chart-b'),
            width: 1.5,
            spanGaps: true,
            points: { show: false },
          },
    ),
  };
}

function draw() {
  for (const figure of document.querySelectorAll('figure.chart')) {
    const box = figure.querySelector('.plot');
    const old = plots.get(figure.id);
    if (old?.root.isConnected) {
      old.setData(dataOf(figure));
      continue;
    }
    const data = dataOf(figure);
    if (data[0].length < 2) continue;
    plots.set(figure.id, new uPlot(optionsOf(figure, box), data, box));
  }
}

function drawAnew() {
  for (const plot of plots.values()) plot.destroy();
  plots.clear();
  draw();
}

document.addEventListener('pgnotion:replaced', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
let resized;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(drawAnew, 150);
});
draw();
