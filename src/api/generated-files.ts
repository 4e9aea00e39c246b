import { stringify } from 'yaml';
import { customResourceDefinitions } from './crd.ts';
import { apiGroup } from './metadata.ts';

const banner = '# Generated from src/api by "npm run generate". Do not edit.\n';

/** Path below the repository and content of every file that is generated from the schemas. */
export function generatedFiles(): Map<string, string> {
  return new Map(
    customResourceDefinitions.map((crd) => [
      `crds/${apiGroup}_${crd.metadata.name.split('.')[0]}.yaml`,
      // YAML 1.1 is what Kubernetes reads: there `on` and `12:30` need quotes.
      banner + stringify(crd, { version: '1.1', aliasDuplicateObjects: false }),
    ]),
  );
}
