import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { type HostLookup, sharedLookup } from './shared-lookup.ts';

/** A resolver that answers all open questions at once, when told to. */
class ScriptedResolver {
  readonly asked: string[] = [];
  readonly #callbacks: Parameters<HostLookup>[1][] = [];

  readonly resolve: HostLookup = (hostname, callback) => {
    this.asked.push(hostname);
    this.#callbacks.push(callback);
  };

  answer(addresses: readonly LookupAddress[]): void {
    for (const callback of this.#callbacks.splice(0)) callback(null, addresses);
  }
}

describe('sharedLookup', () => {
  test('asks once for all who wait for the same name, and again after the answer', () => {
    const script = new ScriptedResolver();
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
    const script = new ScriptedResolver();
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
