/* The live room this window comes from, so that its picture can go on beside goods and orders. */
const NAME = "watching";

export function watching() {
  try {
    return sessionStorage.getItem(NAME) || "";
  } catch {
    return "";
  }
}

export function watch(slug) {
  try {
    if (slug) sessionStorage.setItem(NAME, slug);
    else sessionStorage.removeItem(NAME);
  } catch {
    // A window without storage has no small picture.
  }
}
