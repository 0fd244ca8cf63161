// JSON as rows of numbers: where each value stands in the text, in the order of the text. Nothing is made of the text
// until somebody looks at it, so that numbers stay as they are written, and 4 MB take some tens of milliseconds.

export const OBJECT = 0;
export const ARRAY = 1;
export const STRING = 2;
export const NUMBER = 3;
export const WORD = 4; // true, false, null

const MOST_HITS = 100_000;
const [QUOTE, COMMA, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [34, 44, 58, 91, 93, 123, 125];
const COLUMNS = ["begin", "keyEnd", "start", "end", "last", "parent", "place", "depth", "size"];

/**
 * The values of a text, each as a number from 0 on. Of each: `begin`, where its key or it begins; `keyEnd`, where its
 * key ends, 0 where it has none; `start` and `end` of it; `last`, the first value behind all that is in it; `parent`,
 * -1 of the whole; `place` among those in its parent; `depth`; `size`, how many are in it; `kind`.
 * Throws SyntaxError where the text is no JSON.
 */
export function indexJson(text) {
  const most = atMost(text);
  const nodes = { kind: new Uint8Array(most) };
  for (const name of COLUMNS) {
    nodes[name] = new Int32Array(most);
  }
  const count = fill(nodes, text);
  for (const name of [...COLUMNS, "kind"]) {
    nodes[name] = nodes[name].slice(0, count);
  }
  return { ...nodes, count };
}

function atMost(text) {
  let most = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    most += code === COMMA || code === OPEN_LIST || code === OPEN_OBJECT ? 1 : 0;
  }
  return most;
}

function fill(nodes, text) {
  const scalar = /[-+.\w]+/y;
  let [count, at, open, keyBegin, keyEnd] = [0, 0, -1, -1, 0];

  const add = (kind, end) => {
    if (count === nodes.kind.length || (open < 0 && count)) {
      throw new SyntaxError(`more than one value, at ${at}`);
    }
    nodes.kind[count] = kind;
    nodes.begin[count] = keyBegin < 0 ? at : keyBegin;
    nodes.keyEnd[count] = keyBegin < 0 ? 0 : keyEnd;
    nodes.start[count] = at;
    nodes.end[count] = end;
    nodes.parent[count] = open;
    nodes.depth[count] = open < 0 ? 0 : nodes.depth[open] + 1;
    nodes.place[count] = open < 0 ? 0 : nodes.size[open]++;
    nodes.last[count] = count + 1;
    keyBegin = -1;
    count += 1;
  };
  const leave = () => {
    nodes.end[open] = at + 1;
    nodes.last[open] = count;
    open = nodes.parent[open];
  };

  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code <= 32 || code === COMMA || code === COLON) {
      at += 1;
    } else if (code === QUOTE) {
      const end = endOfString(text, at);
      if (open >= 0 && nodes.kind[open] === OBJECT && keyBegin < 0) {
        [keyBegin, keyEnd] = [at, end];
      } else {
        add(STRING, end);
      }
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      add(code === OPEN_OBJECT ? OBJECT : ARRAY, 0);
      open = count - 1;
      at += 1;
    } else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && open >= 0) {
      leave();
      at += 1;
    } else {
      scalar.lastIndex = at;
      const found = scalar.exec(text);
      if (!found) {
        throw new SyntaxError(`unexpected ${JSON.stringify(text[at])} at ${at}`);
      }
      add(/[a-z]/.test(found[0][0]) ? WORD : NUMBER, scalar.lastIndex);
      at = scalar.lastIndex;
    }
  }
  if (!count || open >= 0) {
    throw new SyntaxError("the text ends too early");
  }
  return count;
}

/** Behind the quotation mark that ends the string which begins there. */
function endOfString(text, at) {
  for (let close = text.indexOf('"', at + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let escapes = close - 1;
    while (text.charCodeAt(escapes) === 92) {
      escapes -= 1;
    }
    if ((close - escapes) % 2) {
      return close + 1;
    }
  }
  throw new SyntaxError(`the string at ${at} has no end`);
}

/** The values whose key, or which themselves, hold these words, in any case; in their order. */
export function search(nodes, text, words) {
  const hits = [];
  const escaped = JSON.stringify(words).slice(1, -1).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  for (const match of words ? text.matchAll(new RegExp(escaped, "giu")) : []) {
    const node = nodeAt(nodes, match.index);
    if (node >= 0 && node !== hits.at(-1)) {
      hits.push(node);
    }
    if (hits.length === MOST_HITS) {
      break;
    }
  }
  return Int32Array.from(hits);
}

/** The value in whose key, or in which, that place of the text is; -1 between them. */
function nodeAt(nodes, at) {
  const node = lastAtMost(nodes.begin, at);
  if (node < 0 || at < nodes.keyEnd[node]) {
    return node;
  }
  return nodes.kind[node] >= STRING && nodes.start[node] <= at && at < nodes.end[node] ? node : -1;
}

/** The last place in the ascending numbers with one that is not above; -1: there is none. */
export function lastAtMost(numbers, wanted) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/** The key of a value as people read it; of what is in a list, its place. */
export function keyOf(nodes, text, node) {
  const parent = nodes.parent[node];
  if (parent < 0) {
    return "";
  }
  if (nodes.kind[parent] === ARRAY) {
    return String(nodes.place[node]);
  }
  return unquoted(text.slice(nodes.begin[node], nodes.keyEnd[node]));
}

export function unquoted(written) {
  return written.includes("\\") ? JSON.parse(written) : written.slice(1, -1);
}

/** Where a value stands, as in `issues[3].fields.created`; "$" of the whole. */
export function pathOf(nodes, text, node) {
  const parts = [];
  for (let at = node; nodes.parent[at] >= 0; at = nodes.parent[at]) {
    const key = keyOf(nodes, text, at);
    if (nodes.kind[nodes.parent[at]] === ARRAY) {
      parts.push(`[${key}]`);
    } else {
      parts.push(/^[\p{L}\p{N}_$-]+$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
    }
  }
  return parts.reverse().join("").replace(/^\./, "") || "$";
}

/** The value at that path; where there is none, the deepest on the way to it. */
export function nodeAtPath(nodes, text, path) {
  let node = 0;
  for (const part of path.replace(/^\$/, "").matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    const wanted = part[1] === undefined ? part[2] ?? part[3] : unquoted(`"${part[1]}"`);
    const found = childOf(nodes, text, node, wanted);
    if (found < 0) {
      break;
    }
    node = found;
  }
  return node;
}

function childOf(nodes, text, node, key) {
  for (let child = node + 1; child < nodes.last[node]; child = nodes.last[child]) {
    if (keyOf(nodes, text, child) === key) {
      return child;
    }
  }
  return -1;
}

/** From which depth on all is to be folded, so that there are no more rows than that; 1 at least. */
export function depthWithin(nodes, most) {
  for (let deepest = 1; ; deepest += 1) {
    const rows = nodes.depth.reduce((sum, depth) => sum + (depth <= deepest + 1 ? 1 : 0), 0);
    if (rows > most || rows === nodes.count) {
      return rows > most ? deepest : Infinity;
    }
  }
}
