/** What the streams hold of one uid. */
export interface FoundWebhook {
  /** Kept in STATE; undefined when STATE has nothing of it. */
  readonly namespace: string | undefined;
  readonly slots: ReadonlySet<number>;
}

export interface SweepQuestion {
  /** By uid, as enumerated before the first LIST. */
  readonly found: ReadonlyMap<string, FoundWebhook>;
  /** Uids of two consistent LISTs, far enough apart. */
  readonly firstList: ReadonlySet<string>;
  readonly secondList: ReadonlySet<string>;
  /** Absent = all namespaces are watched. */
  readonly watchNamespaces: readonly string[] | undefined;
  /** Whether a LIST of the CRDs has shown that our kind is there and served. */
  readonly kindIsServed: boolean;
}

/**
 * Whether the LISTs alone are not enough: an empty one may also come from an API server that lost our kind, or from a new
 * cluster with the streams of an old one.
 */
export function needsProofOfKind({ found, firstList, secondList }: Omit<SweepQuestion, 'kindIsServed'>): boolean {
  return found.size > 0 && (firstList.size === 0 || secondList.size === 0);
}

/** Those of `found` of which everything is to be removed. Pure; `docs/architecture.md` gives the rule. */
export function deadWebhooks(question: SweepQuestion): ReadonlyMap<string, FoundWebhook> {
  const { found, firstList, secondList, watchNamespaces } = question;
  if (needsProofOfKind(question) && !question.kindIsServed) return new Map();
  const isWatched = (namespace: string | undefined): boolean =>
    watchNamespaces === undefined || (namespace !== undefined && watchNamespaces.includes(namespace));
  return new Map(
    [...found].filter(([uid, { namespace }]) => !firstList.has(uid) && !secondList.has(uid) && isWatched(namespace)),
  );
}
