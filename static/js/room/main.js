/* The room: starts each behaviour once. The page is useful before any of this runs. */
import { Socket } from "./socket.js";
import * as bars from "./bars.js";
import * as chat from "./chat.js";
import * as claims from "./claims.js";
import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as likes from "./likes.js";
import * as mine from "./mine.js";
import * as numbers from "./numbers.js";
import * as panels from "./panels.js";
import * as saver from "./saver.js";
import * as sheets from "./sheets.js";
import * as stage from "./stage.js";
import * as swipe from "./swipe.js";

const root = document.querySelector("main.room");
const socket = new Socket(root);

panels.start(socket);
clock.start(socket);
sheets.start(root);
mine.start(socket);
bars.start(socket);
claims.start(socket, root);
chat.start(socket, root);
likes.start(socket, root);
numbers.start(socket);
stage.start(root);
swipe.start(root);
connection.start(socket);
saver.start(root, watch);
socket.on("over", saver.rest);
socket.start();

/* The player is fetched by those rooms alone that have a stream, and by those viewers alone who do not save data. */
let video;
async function watch() {
  if (saver.isOn()) {
    if (video) (await video).rest();
    return saver.show();
  }
  saver.rest();
  if (video || document.querySelector("#panel-stage [data-video]")) (video ??= import("./video.js")).then((loaded) => loaded.start(root, socket));
}
document.addEventListener("panel", ({ detail }) => detail === "stage" && watch());
watch();

/* Posters are drawn by those alone who want one. */
document.addEventListener("htmx:afterSwap", ({ detail }) => detail.target.querySelector("[data-poster]") && import("./poster.js").then((loaded) => loaded.drawAll()));
