/* The crowd slider says its number. */
const said = document.getElementById("crowd-said");
document.querySelector("input[type=range]")?.addEventListener("input", (event) => { said.textContent = event.target.value; });
