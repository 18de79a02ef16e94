/*
 * Looking for a text in a stream that arrives in pieces of any size.
 */

/** Returns a function to feed with pieces, which tells when the text has gone by. Bytes are compared, as UTF-8. */
export function watchFor(text: string): (bytes: Uint8Array) => boolean {
  const wanted = new TextEncoder().encode(text);
  const fallback = fallbackTable(wanted);
  let matched = 0;
  return (bytes) => {
    if (wanted.length === 0) return true;
    for (const byte of bytes) {
      while (matched > 0 && wanted[matched] !== byte) matched = fallback[matched - 1]!;
      if (wanted[matched] === byte) matched++;
      if (matched === wanted.length) return true;
    }
    return false;
  };
}

/** For each prefix, the length of its longest proper prefix that is also its suffix (Knuth, Morris and Pratt). */
function fallbackTable(wanted: Uint8Array): Uint32Array {
  const table = new Uint32Array(wanted.length);
  for (let index = 1, length = 0; index < wanted.length; index++) {
    while (length > 0 && wanted[length] !== wanted[index]) length = table[length - 1]!;
    if (wanted[length] === wanted[index]) length++;
    table[index] = length;
  }
  return table;
}
