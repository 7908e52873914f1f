/* Whether this device saves data: as its owner said here, else as the browser says. */
const NAME = "save-data";

export function isSaving() {
  try {
    const said = localStorage.getItem(NAME);
    if (said) return said === "on";
  } catch {
    // A window without storage goes by the browser alone.
  }
  return navigator.connection?.saveData === true;
}

export function keepSaving(isOn) {
  try {
    localStorage.setItem(NAME, isOn ? "on" : "off");
  } catch {
    // Then it holds until the page is left.
  }
}
