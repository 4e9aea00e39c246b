import { errors } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { BrokerError, type BrokerErrorKind } from './broker.ts';
import { ApiRefusal, fromClientError } from './broker-errors.ts';

describe('a refusal by the server', () => {
  const table: [number | undefined, number, string | undefined, BrokerErrorKind][] = [
    [10071, 400, 'wrong last sequence: 4', 'WrongLastSequence'],
    [10164, 400, 'wrong last sequence', 'WrongLastSequence'],
    [10077, 503, 'maximum messages per subject exceeded', 'SubjectFull'],
    [10077, 503, 'maximum bytes exceeded', 'StreamFull'],
    [10077, 503, 'maximum messages exceeded', 'StreamFull'],
    [10077, 503, 'write msgs/1.blk: no space left on device', 'StreamFull'],
    [10077, 503, 'resource limits exceeded for account', 'StreamFull'],
    [10077, 503, 'store is closed', 'Unavailable'],
    [10047, 500, 'insufficient storage resources available', 'StreamFull'],
    [10028, 500, 'insufficient memory resources available', 'StreamFull'],
    [10002, 400, 'resource limits exceeded for account', 'StreamFull'],
    [10059, 404, 'stream not found', 'StreamNotFound'],
    [10014, 404, 'consumer not found', 'ConsumerNotFound'],
    [10054, 400, 'message size exceeds maximum allowed', 'TooLarge'],
    [10008, 503, 'JetStream system temporarily unavailable', 'Unavailable'],
    [10009, 500, 'JetStream cluster can not handle request', 'Unavailable'],
    [10118, 500, 'stream is offline', 'Unavailable'],
    [10167, 429, 'too many requests', 'Unavailable'],
    [10039, 503, 'JetStream not enabled for account', 'Unavailable'],
    [10012, 500, 'deliver policy can not be updated', 'Rejected'],
    [10190, 400, 'message schedules target is invalid', 'Rejected'],
    [undefined, 504, undefined, 'Unavailable'],
    [undefined, 400, undefined, 'Rejected'],
  ];
  test.for(table)('%s (%s) "%s" is %s', ([err_code, code, description, kind]) => {
    const error = {
      code,
      ...(err_code === undefined ? {} : { err_code }),
      ...(description === undefined ? {} : { description }),
    };
    const refusal = new ApiRefusal(error, 'Publish');
    expect(refusal).toMatchObject({ kind, apiCode: err_code, code: 'WHO_BROKER' });
    expect(refusal.message).toMatch(/^Publish: /);
    expect(refusal.message).toContain(description ?? `status ${code}`);
  });
});

describe('what the client throws', () => {
  const violation = new errors.PermissionViolationError('no', 'publish', 'x');
  const table: [string, unknown, BrokerErrorKind][] = [
    ['a time-out', new errors.TimeoutError(), 'Unavailable'],
    ['no responder', new errors.RequestError('x', { cause: new errors.NoRespondersError('x') }), 'Unavailable'],
    ['a closed connection', new errors.ClosedConnectionError(), 'Unavailable'],
    ['a permission', violation, 'Rejected'],
    ['a permission as the cause', new errors.RequestError('x', { cause: violation }), 'Rejected'],
    ['a large payload', errors.InvalidArgumentError.format('payload', 'max_payload size exceeded'), 'TooLarge'],
    ['a bad header', errors.InvalidArgumentError.format('header', 'bad'), 'Rejected'],
    ['a bad subject', new errors.InvalidSubjectError('a b'), 'Rejected'],
    ['anything else', 'text', 'Unavailable'],
  ];
  test.for(table)('%s', ([, error, kind]) => {
    expect(fromClientError(error, 'Publish')).toMatchObject({ kind, cause: error });
  });

  test('an error of the port stays what it is', () => {
    const error = new BrokerError('SubjectFull', 'full');
    expect(fromClientError(error, 'Publish')).toBe(error);
  });
});
