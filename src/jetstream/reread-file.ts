/**
 * A file that is read again on every call, so that a rotated Secret is picked up. While it can't be read (a mount in the
 * middle of its swap), the last contents serve on. Throws when the first read fails.
 */
export function rereadFile(
  path: string,
  read: (path: string) => Buffer,
  onError: (error: unknown) => void,
): () => Buffer {
  let contents = read(path);
  return () => {
    try {
      contents = read(path);
    } catch (error) {
      onError(error);
    }
    return contents;
  };
}
