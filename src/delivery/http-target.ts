/** A URL as the sender needs it. */
export interface HTTPTarget {
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Host and port: how messages name the receiver. */
  readonly authority: string;
}

/** Undefined when the URL is not one that requests may go to: not http or https, or with user name or password. */
export function parseTarget(url: string): HTTPTarget | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return undefined;
  if (parsed.username !== '' || parsed.password !== '') return undefined;
  const port = parsed.port || (parsed.protocol === 'https:' ? '443' : '80');
  return {
    origin: parsed.origin,
    path: parsed.pathname + parsed.search,
    authority: `${parsed.hostname}:${port}`,
  };
}
