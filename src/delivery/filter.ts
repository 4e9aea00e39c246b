/** `spec.filter`: a CEL expression over `type`, `data`, `headers`, `id` and `time` that must give a bool. */
import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';

import { isAffordable, isMacro, shapeOf, visitNodes, type FilterShape } from './filter-cost.ts';
import { FilterError, FilterEvaluationError, invalidFilter, position, typeAlias, undecided } from './filter-error.ts';
import type { CompiledFilter, FilterInput } from './webhook-config.ts';

export { FilterError, FilterEvaluationError } from './filter-error.ts';

/** Longest filter in characters. */
export const maxFilterLength = 4096;
const maxMacroDepth = 2;

const environment = new Environment({ limits: { maxAstNodes: 200, maxDepth: 24, maxListElements: 100 } })
  .registerVariable(typeAlias, 'string')
  .registerVariable('data', 'dyn')
  .registerVariable('headers', 'map<string, string>')
  .registerVariable('id', 'string')
  .registerVariable('time', 'string');

const refusedFunctions: ReadonlyMap<string, string> = new Map([
  [
    'matches',
    'regular expressions are not allowed, because one can take seconds on one event; use startsWith, endsWith or contains',
  ],
  ['bind', 'cel.bind is not allowed, because it lets a short expression build a huge value'],
]);

/**
 * Parses, checks and bounds a filter. Throws {@link FilterError}; what it returns throws {@link FilterEvaluationError}. A
 * field that may be absent needs `has(data.x)`; numbers of JSON are doubles (`data.n + 1.0`).
 */
export function compileFilter(source: string): CompiledFilter {
  if (source.length > maxFilterLength) throw new FilterError(`The filter is longer than ${maxFilterLength} characters`);
  const program = parse(source);
  refuseCostly(program.ast, source);
  const checked = program.check();
  if (!checked.valid) throw invalidFilter(checked.error, source);
  if (checked.type !== 'bool') {
    const hint = checked.type === 'dyn' ? '; compare it, as in "data.active == true"' : '';
    throw new FilterError(`The filter must give a bool, this one gives ${checked.type}${hint}`);
  }
  const shape = shapeOf(program.ast);
  return { source, matches: (event) => evaluate(program, shape, event) };
}

function parse(source: string): ParseResult {
  try {
    const program = environment.parse(source);
    const aliased = aliasType(program.ast, source);
    return aliased === source ? program : environment.parse(aliased);
  } catch (error) {
    throw invalidFilter(error, source);
  }
}

function aliasType(ast: ASTNode, source: string): string {
  let aliased = source;
  visitNodes(ast, (node) => {
    if (node.op === 'id' && node.args === 'type') {
      aliased = aliased.slice(0, node.start) + typeAlias + aliased.slice(node.end);
    }
  });
  return aliased;
}

function refuseCostly(ast: ASTNode, source: string): void {
  visitNodes(ast, (node, macrosAround) => {
    const refused = node.op === 'call' || node.op === 'rcall' ? refusedFunctions.get(node.args[0]) : undefined;
    if (refused !== undefined)
      throw new FilterError(`The filter is refused at ${position(source, node.pos)}: ${refused}`);
    if (isMacro(node) && macrosAround >= maxMacroDepth) {
      throw new FilterError(
        `The filter is refused at ${position(source, node.pos)}: macros must not be nested more than ${maxMacroDepth} deep`,
      );
    }
  });
}

function evaluate(program: ParseResult, shape: FilterShape, event: FilterInput): boolean {
  // CEL knows no undefined: a body that is no JSON is null.
  const data = event.data === undefined ? null : event.data;
  if (!isAffordable(shape, [data, event.headers])) {
    throw new FilterEvaluationError('The event is too large for the macros of the filter');
  }
  try {
    return program({ [typeAlias]: event.type, data, headers: event.headers, id: event.id, time: event.time }) === true;
  } catch (error) {
    throw undecided(error);
  }
}
