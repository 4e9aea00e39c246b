import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import type { NatsLink } from '../../src/jetstream/connection.ts';
import { operatorPermissions } from '../../src/jetstream/permissions.ts';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import { createAuthority, loopbackHosts } from '../cluster/certificates.ts';
import { startNats } from '../cluster/nats.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { connect } from '../jetstream/fixture.ts';

/** A NATS server that lets nobody in without proof, and what the chart needs to get in. */
export interface GuardedNats {
  /** For `helm --set`; they name the Secrets `nats-auth` and `nats-tls`. */
  readonly values: readonly string[];
  /** Data of those Secrets. */
  readonly secrets: Readonly<Record<'nats-auth' | 'nats-tls', Readonly<Record<string, string>>>>;
  /** A producer's connection. */
  readonly link: NatsLink;
  stop(): Promise<void>;
}

/**
 * - `token`: TLS, and one token for all.
 * - `nkey`: TLS with client certificates, and the operator's user may do no more than `permissions.ts` says.
 */
export async function startGuardedNats(method: 'token' | 'nkey'): Promise<GuardedNats> {
  const authority = createAuthority();
  const ca = authority.certificate;
  const token = 'a-token-without-blanks';
  const [operator, producer] = [nkeys.createUser(), nkeys.createUser()];
  const server = await startNats({
    tls: { ...authority.issue({ commonName: 'nats', hosts: loopbackHosts }), ca, verify: method === 'nkey' },
    config:
      method === 'token'
        ? `authorization { token: "${token}" }`
        : `authorization { users: [
             { nkey: ${operator.getPublicKey()}, permissions: ${JSON.stringify(operatorPermissions(defaultStreamNames, 'Manage'))} },
             { nkey: ${producer.getPublicKey()} }
           ] }`,
  });
  const folder = temporaryFolder('producer');
  const file = (name: string, contents: string) => {
    writeFileSync(join(folder, name), contents, { mode: 0o600 });
    return join(folder, name);
  };
  const client = authority.issue({ commonName: 'client' });
  const seedOf = (user: typeof operator) => Buffer.from(user.getSeed()).toString('ascii');
  const link = await connect(server, {
    ca: file('ca.crt', ca),
    ...(method === 'token'
      ? { tokenFile: file('token', token) }
      : {
          nkey: file('seed', seedOf(producer)),
          cert: file('tls.crt', client.certificate),
          key: file('tls.key', client.key),
        }),
  });
  return {
    values: [
      `nats.url=${server.url}`,
      `nats.auth.method=${method}`,
      'nats.auth.existingSecret=nats-auth',
      'nats.tls.existingSecret=nats-tls',
      `nats.tls.clientCertificate=${method === 'nkey'}`,
    ],
    secrets: {
      'nats-auth': method === 'token' ? { token } : { nkey: seedOf(operator) },
      'nats-tls': { 'ca.crt': ca, 'tls.crt': client.certificate, 'tls.key': client.key },
    },
    link,
    stop: async () => {
      await link.close();
      await server.stop();
    },
  };
}
