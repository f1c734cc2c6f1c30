import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files take minutes each: started last, one of them would run alone at the end. */
const LONG = ['/test/protocol/', '/test/crash/', '/test/matrix/', '/test/chaos/'];

const rank = ({ moduleId }: TestSpecification): number => {
  const at = LONG.findIndex((folder) => moduleId.replaceAll('\\', '/').includes(folder));
  return at < 0 ? LONG.length : at;
};

/** The files that are known to take longest first, the others as vitest has them. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
