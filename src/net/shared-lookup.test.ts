import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { type HostLookup, sharedLookup } from './shared-lookup.ts';

function scripted(): {
  readonly asked: string[];
  readonly resolve: HostLookup;
  answer: (addresses: LookupAddress[]) => void;
} {
  const asked: string[] = [];
  const script = {
    asked,
    answer: (_: LookupAddress[]): void => undefined,
    resolve: ((hostname, callback) => {
      asked.push(hostname);
      script.answer = (addresses) => callback(null, addresses);
    }) satisfies HostLookup,
  };
  return script;
}

describe('sharedLookup', () => {
  test('asks once for all who wait for the same name, and again after the answer', () => {
    const script = scripted();
    const lookup = sharedLookup(script.resolve);
    const answers: string[] = [];
    const remember: Parameters<HostLookup>[1] = (_, addresses) => {
      answers.push(addresses[0]?.address ?? '');
    };
    lookup('a.example', remember);
    lookup('a.example', remember);
    expect(script.asked).toEqual(['a.example']);
    script.answer([{ address: '192.0.2.1', family: 4 }]);
    expect(answers).toEqual(['192.0.2.1', '192.0.2.1']);
    lookup('a.example', remember);
    expect(script.asked).toEqual(['a.example', 'a.example']);
  });

  test('a name whose answer is outstanding does not hold another', () => {
    const script = scripted();
    const lookup = sharedLookup(script.resolve);
    lookup('hangs.example', () => undefined);
    lookup('b.example', () => undefined);
    expect(script.asked).toEqual(['hangs.example', 'b.example']);
  });

  test('uses the resolver of the system', async () => {
    const addresses = await new Promise<readonly LookupAddress[]>((resolve) => {
      sharedLookup()('localhost', (_, answer) => resolve(answer));
    });
    expect(addresses.length).toBeGreaterThan(0);
  });
});
