/* The studio: one connection, small behaviours. Everything also works as plain forms. */
import { Socket } from "../room/socket.js";
import * as bars from "../room/bars.js";
import * as clock from "../room/clock.js";
import * as clocks from "./clocks.js";
import * as door from "./door.js";
import * as drops from "./drops.js";
import * as latency from "./latency.js";
import * as news from "./news.js";
import * as panels from "./panels.js";
import * as pins from "./pins.js";
import * as screen from "./screen.js";
import * as sheet from "./sheet.js";
import * as talk from "./talk.js";
import * as video from "./video.js";

const root = document.querySelector("main.studio");
const socket = new Socket(root);

panels.start(socket, root);
clock.start(socket);
clocks.start();
news.start();
sheet.start(root);
pins.start(root);
drops.start();
bars.start(socket);
talk.start(socket, root);
screen.start(root);
latency.start(socket);
video.start(root);
door.start(socket, root);
socket.start();
