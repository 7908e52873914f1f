/* Countdowns on pages without a live connection, by the server's clock. */
import * as clock from "./room/clock.js";

clock.start({ on() {} });
