/**
 * What a filter may cost on one event. Macros (`all`, `exists`, `map`, …) loop over lists of the event, so a short filter
 * and a large event could hold the process for minutes. The bounds keep an evaluation below a few tenths of a second; they
 * depend on the event alone, never on time, so that every replica decides alike. Measured: 0.1 µs for a node of the
 * expression, up to 7 ns for a character that is searched, up to 30 ns for an element that is compared, 50 µs for a time
 * zone.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** How often something is done, by the number of macros around it: [in one, in two]. */
type Work = readonly [number, number];

/** What a filter does inside macros, found once when it is compiled. */
export interface FilterShape {
  /** Evaluated nodes. All zero = no macros. */
  readonly steps: Work;
  /** Operations that may look at each character of a string. */
  readonly scans: Work;
  /** Operations that may look at each element of a list, at every depth. */
  readonly comparisons: Work;
  /** Elements of list and map literals: macros can loop over these too. */
  readonly literals: number;
  /** How often lists may be joined (`+`), which multiplies what there is to loop over. */
  readonly joins: number;
  /** Splits strings: their characters may become elements. */
  readonly splits: boolean;
}

const maxSteps = 2_000_000;
const maxCharactersScanned = 30_000_000;
const maxElementsCompared = 20_000_000;

const macroNames = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** Calls whose cost does not grow with what they are given. Any other counts as a scan. */
const constantCalls = new Set(
  ['has', 'startsWith', 'endsWith', 'type', 'dyn', 'bool', 'int', 'uint', 'double', 'timestamp', 'duration'].concat(
    ...macroNames,
  ),
);
/** Steps that looking a time zone up is worth, as in `getHours("Europe/Berlin")`. */
const timeZoneSteps = 500;

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
  const steps: [number, number] = [0, 0];
  const scans: [number, number] = [0, 0];
  const comparisons: [number, number] = [0, 0];
  let literals = 0;
  let joins = 0;
  let splits = false;
  visitNodes(ast, (node, macrosAround) => {
    if (node.op === 'list' || node.op === 'map') literals += node.args.length;
    if (node.op === '+') joins += 1;
    if (callOf(node) === 'split') splits = true;
    if (macrosAround === 0) return;
    const depth = macrosAround === 1 ? 0 : 1;
    steps[depth] += looksTimeZoneUp(node) ? timeZoneSteps : 1;
    if (isScan(node)) scans[depth] += 1;
    if (isComparison(node)) comparisons[depth] += 1;
  });
  return { steps, scans, comparisons, literals, joins, splits };
}

/** Whether the filter's macros stay within the bounds on these values. Without macros they always do. */
export function isAffordable(shape: FilterShape, values: readonly unknown[]): boolean {
  if (shape.steps[0] === 0) return true;
  const size = sizeOf(values);
  const split = shape.splits ? size.characters : 0;
  const loop = (size.longestList + shape.literals + split) * (shape.joins + 1);
  const times = ([inOne, inTwo]: Work) => inOne * loop + inTwo * loop ** 2;
  return (
    times(shape.steps) <= maxSteps &&
    times(shape.scans) * size.longestString <= maxCharactersScanned &&
    times(shape.comparisons) * (size.elements + shape.literals + split) <= maxElementsCompared
  );
}

function callOf(node: ASTNode): string | undefined {
  return node.op === 'call' || node.op === 'rcall' ? node.args[0] : undefined;
}

function looksTimeZoneUp(node: ASTNode): boolean {
  return node.op === 'rcall' && node.args[0].startsWith('get') && node.args[2].length > 0;
}

function isScan(node: ASTNode): boolean {
  const call = callOf(node);
  return node.op === '+' || (call !== undefined && !constantCalls.has(call) && !call.startsWith('get'));
}

function isComparison(node: ASTNode): boolean {
  if (node.op === 'in' || node.op === '+' || callOf(node) === 'join') return true;
  // Against a literal one look is enough.
  return (node.op === '==' || node.op === '!=') && node.args.every((operand) => operand.op !== 'value');
}

interface Size {
  /** Elements of lists and members of objects, at every depth. */
  elements: number;
  /** Elements of the longest list, or members of the largest object. */
  longestList: number;
  characters: number;
  longestString: number;
}

/** Without recursion: JSON may be nested deeper than the stack is. */
function sizeOf(values: readonly unknown[]): Size {
  const size: Size = { elements: 0, longestList: 0, characters: 0, longestString: 0 };
  const pending: unknown[] = [...values];
  while (pending.length > 0) {
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
