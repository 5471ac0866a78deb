// A history in the part of the address after #: packed JSON, or plain where the browser cannot pack.

const PACKED = "p=";
const PLAIN = "j=";

export async function toFragment(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  if (typeof CompressionStream === "undefined") return PLAIN + toText(bytes);
  return PACKED + toText(await through(new CompressionStream("deflate-raw"), bytes));
}

/** The value, or null where the fragment is none of ours. Throws where it is cut short or damaged. */
export async function fromFragment(fragment) {
  const text = fragment.replace(/^#/, "");
  const bytes = () => fromText(text.slice(2));
  if (text.startsWith(PLAIN)) return JSON.parse(new TextDecoder().decode(bytes()));
  if (!text.startsWith(PACKED)) return null;
  return JSON.parse(new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), bytes())));
}

async function through(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** Bytes of a text in base64, in its plain or its address form. */
export function fromText(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

function toText(bytes) {
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
