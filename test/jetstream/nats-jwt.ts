import { nkeys } from '@nats-io/transport-node';

/** A NATS server in operator mode: the lines of its configuration, and a user's credentials file. */
export function operatorMode(): { readonly config: string; readonly creds: string } {
  const operator = nkeys.createOperator();
  const system = nkeys.createAccount();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountType = { type: 'account', version: 2 };
  const systemID = system.getPublicKey();
  const accountID = account.getPublicKey();
  const operatorToken = token(operator, operator, 'O', { type: 'operator', version: 2, system_account: systemID });
  const systemToken = token(operator, system, 'SYS', { ...accountType, limits });
  const accountToken = token(operator, account, 'A', { ...accountType, limits: { ...limits, ...storage } });
  const userToken = token(account, user, 'U', { type: 'user', version: 2, subs: -1, data: -1, payload: -1 });
  return {
    config: [
      `operator: ${operatorToken}`,
      `system_account: ${systemID}`,
      'resolver: MEMORY',
      `resolver_preload: { ${systemID}: ${systemToken}, ${accountID}: ${accountToken} }`,
    ].join('\n'),
    creds: [
      '-----BEGIN NATS USER JWT-----',
      userToken,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      Buffer.from(user.getSeed()).toString('ascii'),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  };
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

function token(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issuedAt = Math.floor(Date.now() / 1000);
  const claims = { jti: name, iat: issuedAt, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name, nats };
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}
