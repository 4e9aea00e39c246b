/**
 * What a filter may cost on one event. Macros (`all`, `exists`, `map`, …) loop over lists of the event, so a short filter
 * and a large event could hold the process for minutes. The bounds keep an evaluation below about 0.2 s (measured: 0.4 µs
 * for an iteration, 5 GB/s for a search in a string, 40 ns for an element of a list that is searched); they depend on the
 * event alone, never on time, so that every replica decides alike.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** What a filter does, found once when it is compiled. */
export interface FilterShape {
  readonly macros: number;
  /** How deep macros lie in one another; 0 = none. */
  readonly macroDepth: number;
  /** Elements of list and map literals: macros can loop over these too. */
  readonly literals: number;
  /** How often lists or strings may be joined (`+`), which multiplies what there is to loop over. */
  readonly joins: number;
  /** Splits strings: their characters may become elements. */
  readonly splits: boolean;
  /** Searches, joins or compares lists, at a cost for each element. */
  readonly comparesLists: boolean;
}

const macroNames = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
const listOperators = new Set(['in', '+', '==', '!=']);

const maxIterations = 500_000;
const maxCharactersSearched = 500_000_000;
const maxElementsCompared = 5_000_000;

/** Calls `visitor` on each node, outermost first, with the number of macros around it. */
export function visitNodes(node: ASTNode, visitor: (node: ASTNode, macroDepth: number) => void, macroDepth = 0): void {
  visitor(node, macroDepth);
  const inside = isMacro(node) ? macroDepth + 1 : macroDepth;
  for (const [index, child] of childrenOf(node).entries()) {
    // The receiver of a macro is evaluated once: it lies outside.
    visitNodes(child, visitor, index === 0 ? macroDepth : inside);
  }
}

export function isMacro(node: ASTNode): boolean {
  return node.op === 'rcall' && macroNames.has(node.args[0]);
}

export function shapeOf(ast: ASTNode): FilterShape {
  const shape = { macros: 0, macroDepth: 0, literals: 0, joins: 0, splits: false, comparesLists: false };
  visitNodes(ast, (node, around) => {
    if (isMacro(node)) {
      shape.macros += 1;
      shape.macroDepth = Math.max(shape.macroDepth, around + 1);
    }
    if (node.op === 'list' || node.op === 'map') shape.literals += node.args.length;
    if (node.op === '+') shape.joins += 1;
    if (node.op === 'rcall' && node.args[0] === 'split') shape.splits = true;
    if (around > 0 && listOperators.has(node.op)) shape.comparesLists = true;
  });
  return shape;
}

/** Whether the filter's macros stay within the bounds on these values. Without macros they always do. */
export function isAffordable(shape: FilterShape, values: readonly unknown[]): boolean {
  if (shape.macros === 0) return true;
  const size = sizeOf(values);
  const split = shape.splits ? size.characters : 0;
  const elements = (size.elements + shape.literals + split) * (shape.joins + 1);
  const iterations = shape.macros * elements ** shape.macroDepth;
  return (
    iterations <= maxIterations &&
    iterations * size.longestString <= maxCharactersSearched &&
    (!shape.comparesLists || iterations * (size.longestList + split) <= maxElementsCompared)
  );
}

interface Size {
  /** Elements of lists and members of objects, at every depth. */
  elements: number;
  characters: number;
  longestString: number;
  /** Elements of the longest list or members of the largest object. */
  longestList: number;
}

/** Stops early where the bounds are exceeded anyway. Without recursion: JSON may be nested deeper than the stack is. */
function sizeOf(values: readonly unknown[]): Size {
  const size: Size = { elements: 0, characters: 0, longestString: 0, longestList: 0 };
  const pending: unknown[] = [...values];
  while (pending.length > 0 && size.elements <= maxIterations) {
    const value = pending.pop();
    if (typeof value === 'string') {
      size.characters += value.length;
      size.longestString = Math.max(size.longestString, value.length);
    } else if (typeof value === 'object' && value !== null) {
      const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
      size.elements += children.length;
      size.longestList = Math.max(size.longestList, children.length);
      for (const child of children) pending.push(child);
    }
  }
  return size;
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}
