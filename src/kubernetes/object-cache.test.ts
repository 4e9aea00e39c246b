import { describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../logger.ts';
import type { KubeObject } from './kube-object.ts';
import { ObjectCache } from './object-cache.ts';

interface Thing extends KubeObject {
  readonly spec?: { readonly value: number; readonly tags: readonly string[] };
}

function thing(name: string, version: number, options: { uid?: string; namespace?: string } = {}): Thing {
  return {
    metadata: {
      name,
      namespace: options.namespace ?? 'a',
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: String(version),
    },
    spec: { value: version, tags: ['x'] },
  };
}

function observed(logger: Logger = silentLogger) {
  const cache = new ObjectCache<Thing>(logger);
  const changes: string[] = [];
  cache.onChange((key, old, current) => {
    changes.push(`${key} ${old?.metadata.resourceVersion ?? '-'} ${current?.metadata.resourceVersion ?? '-'}`);
  });
  return { cache, changes };
}

describe('ObjectCache', () => {
  it('reports new, changed and gone objects with both versions', () => {
    const { cache, changes } = observed();
    cache.set(thing('one', 1));
    cache.set(thing('one', 2));
    cache.delete(thing('one', 3));
    expect(changes).toEqual(['a/one - 1', 'a/one 1 2', 'a/one 2 -']);
    expect(cache.size).toBe(0);
  });

  it('says nothing about a version it has', () => {
    const { cache, changes } = observed();
    cache.set(thing('one', 1));
    cache.set(thing('one', 1));
    expect(changes).toEqual(['a/one - 1']);
  });

  it('reports an object made anew under its name as gone and new', () => {
    const { cache, changes } = observed();
    cache.set(thing('one', 1));
    cache.set(thing('one', 2, { uid: 'another' }));
    cache.replace(undefined, [thing('one', 3, { uid: 'third' })]);
    expect(changes).toEqual(['a/one - 1', 'a/one 1 -', 'a/one - 2', 'a/one 2 -', 'a/one - 3']);
  });

  it('ignores the deletion of what it does not have', () => {
    const { cache, changes } = observed();
    cache.delete(thing('one', 1));
    cache.set(thing('one', 2));
    cache.delete(thing('one', 1, { uid: 'an-older-one' }));
    expect(changes).toEqual(['a/one - 2']);
  });

  it('replaces everything at once, so a handler sees the new state of all', () => {
    const cache = new ObjectCache<Thing>(silentLogger);
    cache.set(thing('gone', 1));
    const sizes: number[] = [];
    cache.onChange(() => sizes.push(cache.size));
    cache.replace(undefined, [thing('one', 2), thing('two', 2)]);
    expect(sizes).toEqual([2, 2, 2]);
    expect(cache.values().map((each) => each.metadata.name)).toEqual(['one', 'two']);
  });

  it('leaves the other namespaces alone when one is replaced', () => {
    const { cache, changes } = observed();
    cache.set(thing('one', 1, { namespace: 'a' }));
    cache.set(thing('one', 1, { namespace: 'b' }));
    cache.replace('a', []);
    expect(changes.slice(2)).toEqual(['a/one 1 -']);
    expect(cache.get('b/one')).toBeDefined();
  });

  it('freezes what it holds', () => {
    const { cache } = observed();
    cache.set(thing('one', 1));
    const held = cache.get('a/one')?.spec?.tags as string[];
    expect(() => held.push('y')).toThrow(TypeError);
  });

  it('survives a handler that throws, logs it, and still calls the others', () => {
    const lines: string[] = [];
    const logger: Logger = { ...silentLogger, error: (message) => void lines.push(message) };
    const cache = new ObjectCache<Thing>(logger);
    const seen: string[] = [];
    cache.onChange(() => {
      throw new Error('no');
    });
    const unsubscribe = cache.onChange((key) => seen.push(key));
    cache.set(thing('one', 1));
    unsubscribe();
    cache.set(thing('one', 2));
    expect(seen).toEqual(['a/one']);
    expect(lines).toEqual(['Change handler failed', 'Change handler failed']);
  });
});
