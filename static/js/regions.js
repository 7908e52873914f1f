/* Province, city and district as pickers. Without this script they are plain text fields with the same names. */
const LEVELS = ["province", "city", "district"];
let tree = null;

const load = async (address) => (tree ??= await (await fetch(address)).json());

function options(chosen) {
  const cities = tree[chosen.province] ?? {};
  return { province: Object.keys(tree), city: Object.keys(cities), district: cities[chosen.city] ?? [] };
}

function picker(field, choose) {
  const select = document.createElement("select");
  for (const name of ["id", "name", "required", "autocomplete", "aria-invalid", "aria-describedby"]) {
    if (field.hasAttribute(name)) select.setAttribute(name, field.getAttribute(name));
  }
  select.dataset.choose = choose;
  field.replaceWith(select);
  return select;
}

function fill(select, names, value) {
  select.replaceChildren(new Option(select.dataset.choose, ""), ...names.map((name) => new Option(name, name)));
  // An old address may name a place the list no longer has: keep it.
  if (value && !names.includes(value)) select.append(new Option(value, value));
  select.value = value || (names.length === 1 ? names[0] : "");
}

async function enhance(box) {
  box.dataset.ready = "";
  await load(box.dataset.regions);
  const fields = Object.fromEntries(LEVELS.map((level) => [level, box.querySelector(`[name="${level}"]`)]));
  const chosen = Object.fromEntries(LEVELS.map((level) => [level, fields[level].value]));
  const selects = Object.fromEntries(LEVELS.map((level) => [level, picker(fields[level], box.dataset.choose)]));
  const draw = (from) => {
    for (const level of LEVELS.slice(from)) {
      fill(selects[level], options(chosen)[level], chosen[level]);
      chosen[level] = selects[level].value;
    }
  };
  LEVELS.forEach((level, index) => selects[level].addEventListener("change", () => {
    chosen[level] = selects[level].value;
    for (const below of LEVELS.slice(index + 1)) chosen[below] = "";
    draw(index + 1);
  }));
  draw(0);
}

const enhanceAll = () => { for (const box of document.querySelectorAll("[data-regions]:not([data-ready])")) enhance(box); };
enhanceAll();
document.addEventListener("htmx:load", enhanceAll);
