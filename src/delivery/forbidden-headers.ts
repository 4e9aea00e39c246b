/**
 * Headers that a user can't set, lower case: they belong to the connection (RFC 9110 7.6.1, RFC 9112, RFC 2616 13.5.1) or
 * decide where the request goes; `expect` is between us and the next hop too.
 */
export const connectionHeaders = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

/** Headers that begin so are ours. */
export const ownHeaderPrefix = 'webhook-';
