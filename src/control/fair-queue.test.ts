import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.ts';

/** Tasks that end when told to. */
class Tasks {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  task(name: string): () => Promise<void> {
    return () =>
      new Promise((resolve) => {
        this.started.push(name);
        this.#ends.set(name, resolve);
      });
  }

  async end(...names: string[]): Promise<void> {
    for (const name of names) this.#ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('runs no more tasks at the same time than allowed, in all and of one group', async () => {
  const tasks = new Tasks();
  const queue = new FairQueue({ total: 3, perGroup: 2 });
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) queue.add(name.slice(0, 1), tasks.task(name));
  expect(tasks.started).toEqual(['a1', 'a2', 'b1']);
  await tasks.end('a1');
  expect(tasks.started).toHaveLength(4);
  await tasks.end('a2', 'b1', 'a3', 'b2');
  await tasks.end('a2', 'b1', 'a3', 'b2');
  expect(tasks.started.sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
});

test('groups take turns: one with many tasks does not keep the others waiting', async () => {
  const tasks = new Tasks();
  const queue = new FairQueue({ total: 1, perGroup: 1 });
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1']) queue.add(name.slice(0, 1), tasks.task(name));
  for (const name of ['a1', 'a2', 'b1', 'c1']) await tasks.end(name);
  // The others came when `a` was alone in the line.
  expect(tasks.started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
});

test('a group whose tasks hang leaves the rest to the others', async () => {
  const tasks = new Tasks();
  const queue = new FairQueue({ total: 3, perGroup: 2 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) queue.add('a', tasks.task(name));
  for (const name of ['b1', 'b2', 'b3']) {
    queue.add('b', tasks.task(name));
    expect(tasks.started.at(-1)).toBe(name);
    await tasks.end(name);
  }
  expect(tasks.started).toEqual(['a1', 'a2', 'b1', 'b2', 'b3']);
});

test('a task that was taken back never runs, and one that runs can not be taken back', async () => {
  const tasks = new Tasks();
  const queue = new FairQueue({ total: 1, perGroup: 1 });
  const withdrawFirst = queue.add('a', tasks.task('a1'));
  const withdrawSecond = queue.add('a', tasks.task('a2'));
  const withdrawThird = queue.add('b', tasks.task('b1'));
  withdrawFirst();
  withdrawSecond();
  withdrawThird();
  queue.add('a', tasks.task('a3'));
  await tasks.end('a1');
  expect(tasks.started).toEqual(['a1', 'a3']);
});
