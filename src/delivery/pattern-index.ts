/**
 * Finds every value (webhook) whose patterns match an event type: a trie over tokens with the rules of `pattern.ts`. One
 * index serves one source.
 */

import { operationalToken } from './pattern.ts';

/** Cached types are dropped at this many references, so that producers with endless types cost no memory. */
const maxCachedReferences = 65_536;

interface Entry<T> {
  readonly value: T;
  readonly patterns: readonly string[];
  /** The last match that collected this entry: deduplicates without a Set. */
  collectedBy: number;
}

interface Node<T> {
  readonly children: Map<string, Node<T>>;
  star: Node<T> | undefined;
  /** Patterns that end here. */
  readonly exact: Set<Entry<T>>;
  /** Patterns that end here with `>`. */
  readonly rest: Set<Entry<T>>;
}

export class PatternIndex<T> {
  #root: Node<T> = createNode();
  readonly #entries = new Map<T, Entry<T>>();
  readonly #cache = new Map<string, readonly T[]>();
  #cachedReferences = 0;
  #matches = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Sets the value's patterns, in place of those it had. Patterns must be valid (`patternProblem`). */
  set(value: T, patterns: readonly string[]): void {
    this.delete(value);
    const entry: Entry<T> = { value, patterns: [...patterns], collectedBy: 0 };
    this.#entries.set(value, entry);
    for (const pattern of entry.patterns) insert(this.#root, pattern.split('.'), entry);
    this.#forgetCache();
  }

  /** Takes the value out; returns whether it was there. */
  delete(value: T): boolean {
    const entry = this.#entries.get(value);
    if (entry === undefined) return false;
    this.#entries.delete(value);
    for (const pattern of entry.patterns) remove(this.#root, pattern.split('.'), 0, entry);
    this.#forgetCache();
    return true;
  }

  /** Each matching value once, in no particular order. The array is shared with later calls: don't change it. */
  match(type: string): readonly T[] {
    const cached = this.#cache.get(type);
    if (cached !== undefined) return cached;
    this.#matches += 1;
    const found: T[] = [];
    const tokens = type.split('.');
    if (tokens[0] === operationalToken && tokens.length > 1) {
      // An operational event: wildcards in the first place don't get it.
      const own = this.#root.children.get(operationalToken);
      if (own !== undefined) this.#collect(own, tokens, 1, found);
    } else {
      this.#collect(this.#root, tokens, 0, found);
    }
    this.#remember(type, found);
    return found;
  }

  #collect(node: Node<T>, tokens: readonly string[], index: number, found: T[]): void {
    const token = tokens[index];
    if (token === undefined) {
      this.#take(node.exact, found);
      return;
    }
    this.#take(node.rest, found);
    const child = node.children.get(token);
    if (child !== undefined) this.#collect(child, tokens, index + 1, found);
    if (node.star !== undefined) this.#collect(node.star, tokens, index + 1, found);
  }

  #take(entries: ReadonlySet<Entry<T>>, found: T[]): void {
    for (const entry of entries) {
      if (entry.collectedBy === this.#matches) continue;
      entry.collectedBy = this.#matches;
      found.push(entry.value);
    }
  }

  #remember(type: string, found: readonly T[]): void {
    // A type that nobody wants costs its key as well.
    this.#cachedReferences += found.length + 1;
    if (this.#cachedReferences > maxCachedReferences) {
      this.#forgetCache();
      return;
    }
    this.#cache.set(type, found);
  }

  #forgetCache(): void {
    this.#cache.clear();
    this.#cachedReferences = 0;
  }
}

function createNode<T>(): Node<T> {
  return { children: new Map(), star: undefined, exact: new Set(), rest: new Set() };
}

function insert<T>(root: Node<T>, tokens: readonly string[], entry: Entry<T>): void {
  let node = root;
  for (const token of tokens) {
    if (token === '>') {
      node.rest.add(entry);
      return;
    }
    node = token === '*' ? (node.star ??= createNode()) : childOf(node, token);
  }
  node.exact.add(entry);
}

function childOf<T>(node: Node<T>, token: string): Node<T> {
  let child = node.children.get(token);
  if (child === undefined) {
    child = createNode();
    node.children.set(token, child);
  }
  return child;
}

/** Takes the entry out and prunes branches that nothing needs any more. */
function remove<T>(node: Node<T>, tokens: readonly string[], index: number, entry: Entry<T>): void {
  const token = tokens[index];
  if (token === undefined) {
    node.exact.delete(entry);
    return;
  }
  if (token === '>') {
    node.rest.delete(entry);
    return;
  }
  const next = token === '*' ? node.star : node.children.get(token);
  // The same pattern twice in one list: the branch is gone already.
  if (next === undefined) return;
  remove(next, tokens, index + 1, entry);
  if (!isEmpty(next)) return;
  if (token === '*') node.star = undefined;
  else node.children.delete(token);
}

function isEmpty(node: Node<unknown>): boolean {
  return node.children.size === 0 && node.star === undefined && node.exact.size === 0 && node.rest.size === 0;
}
