import { describe, expect, it } from 'vitest';
import { apiVersionOf, keyOf, LEASES, refOf, resourcePath, SECRETS } from './kube-object.ts';

describe('resourcePath', () => {
  it('names collections and objects of both API roots', () => {
    expect(resourcePath(SECRETS)).toBe('/api/v1/secrets');
    expect(resourcePath(SECRETS, { namespace: 'a', name: 'b' })).toBe('/api/v1/namespaces/a/secrets/b');
    expect(resourcePath(LEASES, { namespace: 'a' })).toBe('/apis/coordination.k8s.io/v1/namespaces/a/leases');
    expect(resourcePath(LEASES, { name: 'b', subresource: 'status' })).toBe(
      '/apis/coordination.k8s.io/v1/leases/b/status',
    );
  });

  it('lets no name lead out of its place', () => {
    expect(resourcePath(SECRETS, { namespace: 'a/../b', name: '?x' })).toBe(
      '/api/v1/namespaces/a%2F..%2Fb/secrets/%3Fx',
    );
  });
});

describe('keyOf', () => {
  it('is reversed by refOf', () => {
    for (const ref of [{ namespace: 'a', name: 'b' }, { name: 'c' }]) expect(refOf(keyOf(ref))).toEqual(ref);
  });

  it('stands beside the API version', () => {
    expect([apiVersionOf(SECRETS), apiVersionOf(LEASES)]).toEqual(['v1', 'coordination.k8s.io/v1']);
  });
});
