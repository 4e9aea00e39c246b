/** The text format of Prometheus, for the series that are kept outside of prom-client. */
import type { MetricDeclaration } from './metric-declarations.ts';

/** `a="1",b="2"`, values escaped. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

/** `# HELP` and `# TYPE`. */
export function headText({ name, help, type }: MetricDeclaration): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

export function sampleText(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
}

/** A histogram that costs a short loop and no allocation per observation. */
export class PlainHistogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds ascending upper bounds, without +Inf */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Takes a negative value (two clocks that disagree) for 0. */
  observe(value: number): void {
    const observed = value > 0 ? value : 0;
    let index = 0;
    while (index < this.#bounds.length && observed > (this.#bounds[index] as number)) index += 1;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += observed;
  }

  render(name: string, labels: string): string {
    const separator = labels === '' ? '' : ',';
    let total = 0;
    let text = '';
    this.#counts.forEach((count, index) => {
      total += count;
      const bound = this.#bounds[index];
      text += sampleText(`${name}_bucket`, `${labels}${separator}le="${bound ?? '+Inf'}"`, total);
    });
    return text + sampleText(`${name}_sum`, labels, this.#sum) + sampleText(`${name}_count`, labels, total);
  }
}
