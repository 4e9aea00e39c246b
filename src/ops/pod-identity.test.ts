import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { podIdentity } from './pod-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'pod-identity-'));
afterAll(() => rmSync(folder, { recursive: true }));
const unset = { leaseNamespace: undefined, podName: undefined };

describe('podIdentity', () => {
  it('takes the options before anything else', () => {
    const given = { leaseNamespace: 'a', podName: 'b' };
    expect(podIdentity(given, join(folder, 'missing'))).toEqual(given);
  });

  it('takes the namespace of the pod, else default, and the name of the host', () => {
    const file = join(folder, 'namespace');
    writeFileSync(file, 'team-a\n');
    expect(podIdentity(unset, file)).toEqual({ leaseNamespace: 'team-a', podName: hostname() });
    writeFileSync(file, '\n');
    expect(podIdentity(unset, file).leaseNamespace).toBe('default');
    expect(podIdentity(unset, join(folder, 'missing')).leaseNamespace).toBe('default');
  });
});
