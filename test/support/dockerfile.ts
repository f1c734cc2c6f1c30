/** An instruction of a Dockerfile, with its line continuations joined. */
export type Step = { readonly name: string; readonly text: string };
export type Stage = { readonly name: string; readonly base: string; readonly steps: readonly Step[] };

export type Dockerfile = {
  readonly stages: readonly Stage[];
  /** Of the last stage. */
  readonly variables: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
};

export function parseDockerfile(text: string): Dockerfile {
  const stages: { name: string; base: string; steps: Step[] }[] = [];
  for (const { name, text: rest } of instructions(text)) {
    const stage = /^(\S+)(?: AS (\S+))?$/.exec(rest);
    if (name === 'FROM') stages.push({ name: stage?.[2] ?? '', base: stage?.[1] ?? '', steps: [] });
    else stages.at(-1)?.steps.push({ name, text: rest });
  }
  const last = stages.at(-1)?.steps ?? [];
  const all = (name: string): readonly string[] =>
    last.filter((step) => step.name === name).map((step) => step.text);
  const one = (name: string): string => all(name).at(-1) ?? '';
  const list = (given: string): readonly string[] => JSON.parse(given.slice(given.indexOf('['))) as string[];
  return {
    stages,
    variables: Object.fromEntries(
      all('ENV').flatMap((line) =>
        [...line.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
      ),
    ),
    workdir: one('WORKDIR'),
    user: one('USER'),
    entrypoint: list(one('ENTRYPOINT')),
    command: list(one('CMD')),
    healthcheck: list(one('HEALTHCHECK')),
  };
}

function instructions(text: string): readonly Step[] {
  return text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      return { name, text: rest };
    });
}
