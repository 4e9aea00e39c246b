/** Just enough Markdown to hold the pages to what they say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Paths, below the project, of all pages written for users: README.md first, then `docs` in order. */
export function pages(): string[] {
  const docs = readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' });
  return [
    'README.md',
    ...docs
      .filter((file) => file.endsWith('.md'))
      .map((file) => join('docs', file))
      .sort(),
  ];
}

export function readPage(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

export interface CodeBlock {
  readonly page: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence. */
  readonly language: string;
  /** What follows the language: `notest reason="…"`. */
  readonly info: string;
  readonly text: string;
}

/** The fenced blocks of a page. Throws for one without an end. */
export function codeBlocks(page: string, markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open:
    | { readonly line: number; readonly fence: string; readonly language: string; readonly info: string }
    | undefined;
  let lines: string[] = [];
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, indent = '', fence, language = '', info = ''] = /^( *)(`{3,})(\S*) *(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { line: index + 1, fence: indent + fence, language, info };
    } else if (line.trimEnd() === open.fence) {
      const strip = open.fence.length - open.fence.trimStart().length;
      blocks.push({ page, ...open, text: lines.map((text) => text.slice(strip)).join('\n') });
      open = undefined;
      lines = [];
    } else {
      lines.push(line);
    }
  }
  if (open !== undefined) throw new Error(`${page}:${open.line} opens a code block that never ends`);
  return blocks;
}

/** The rows of the first table whose head has exactly these columns, as objects. Throws when there is none. */
export function tableRows<const Column extends string>(
  markdown: string,
  columns: readonly Column[],
): Record<Column, string>[] {
  const lines = markdown.split('\n');
  const head = `| ${columns.join(' | ')} |`;
  const start = lines.indexOf(head);
  if (start < 0) throw new Error(`no table with the head ${head}`);
  const rows: Record<Column, string>[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const cells = line.split(/(?<!\\)\|/).slice(1, -1);
    if (cells.length !== columns.length) throw new Error(`${cells.length} cells instead of ${columns.length}: ${line}`);
    const texts = cells.map((cell) => cell.trim().replaceAll('\\|', '|'));
    rows.push(Object.fromEntries(columns.map((column, index) => [column, texts[index]])) as Record<Column, string>);
  }
  return rows;
}
