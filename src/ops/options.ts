import { messageOf, OperatorError } from '../errors.ts';
import { type Options, optionRows } from './option-table.ts';

/** The flags or the environment are unusable; the message names every problem. The process exits with 2. */
export class ConfigurationError extends OperatorError {
  readonly code = 'WHO_CONFIG_INVALID';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Configuration invalid: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/** What the arguments ask for. Help and version win over everything else, so that they work beside invalid flags. */
export function requestedCommand(argv: readonly string[]): 'Run' | 'Help' | 'Version' {
  if (argv.includes('--help') || argv.includes('-h')) return 'Help';
  return argv.includes('--version') ? 'Version' : 'Run';
}

/**
 * Reads the options of the process: flags (`--flag value` or `--flag=value`), else the environment, else the default.
 * An empty variable is an unset one; an empty flag means the default. Throws {@link ConfigurationError}.
 *
 * @param argv arguments after the script's name
 */
export function parseOptions(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Options {
  const problems: string[] = [];
  const flags = readFlags(argv, problems);
  const values: Record<string, unknown> = {};
  for (const [key, declaration] of optionRows) {
    const fromFlag = flags.get(declaration.flag);
    const text = fromFlag ?? env[declaration.env] ?? '';
    const effective = text === '' ? declaration.default : text;
    try {
      values[key] = effective === undefined ? undefined : declaration.parse(effective);
    } catch (error) {
      problems.push(`${fromFlag === undefined ? declaration.env : declaration.flag}: ${messageOf(error)}`);
    }
  }
  // Sound where no problem was found: the loop above has filled every key by its own declaration.
  const options = values as unknown as Options;
  problems.push(...contradictions(options));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return options;
}

function readFlags(argv: readonly string[], problems: string[]): Map<string, string> {
  const known = new Set<string>(optionRows.map(([, declaration]) => declaration.flag));
  const flags = new Map<string, string>();
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const equals = argument.indexOf('=');
    const flag = equals < 0 ? argument : argument.slice(0, equals);
    if (!known.has(flag)) {
      problems.push(flag.startsWith('-') ? `unknown flag ${flag}` : `unexpected argument "${flag}"`);
      continue;
    }
    const value = equals < 0 ? rest[0] : argument.slice(equals + 1);
    if (value === undefined || (equals < 0 && value.startsWith('--'))) {
      problems.push(`${flag}: needs a value`);
      continue;
    }
    if (equals < 0) rest.shift();
    if (flags.has(flag)) problems.push(`${flag}: given more than once`);
    flags.set(flag, value);
  }
  return flags;
}

/** What each option allows for itself but not together. */
function contradictions(options: Options): string[] {
  const problems: string[] = [];
  if ((options.natsCert === undefined) !== (options.natsKey === undefined)) {
    problems.push('--nats-cert and --nats-key: need each other');
  }
  const identities = [options.natsCreds, options.natsNkey, options.natsTokenFile].filter((path) => path !== undefined);
  if (identities.length > 1) problems.push('--nats-creds, --nats-nkey and --nats-token-file: at most one may be given');
  const streams = [options.eventsStream, options.retriesStream, options.backlogStream, options.deadLettersStream];
  const named = streams.filter((name) => name !== undefined);
  if (new Set(named).size < named.length) problems.push('the names of the streams: each must be different');
  return problems;
}

/** The text of `--help`. */
export function helpText(): string {
  const lines = optionRows.map(([, declaration]) =>
    [
      `  ${declaration.flag} ${declaration.placeholder}`,
      `      ${declaration.help}`,
      `      Environment ${declaration.env}; default ${declaration.default ?? declaration.defaultNote}`,
    ].join('\n'),
  );
  return `Usage: node dist/webhook-operator.js [flags]

Delivers events from NATS JetStream to Webhooks. Flags win over the environment.

${lines.join('\n')}
  --version
      Prints the version.
  -h, --help
      Prints this text.
`;
}
