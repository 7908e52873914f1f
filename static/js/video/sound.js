/* Whether this window wants sound: the stage, the small pictures elsewhere and the wall agree. */
const NAME = "sound";

export function wantsSound() {
  try {
    return sessionStorage.getItem(NAME) === "on";
  } catch {
    return false;
  }
}

export function keepSound(isOn) {
  try {
    sessionStorage.setItem(NAME, isOn ? "on" : "off");
  } catch {
    // Private windows may not keep it.
  }
}
