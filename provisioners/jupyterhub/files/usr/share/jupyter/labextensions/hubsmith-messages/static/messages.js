// Messages of a hub in JupyterLab 4 and Notebook 7.
//
// A prebuilt extension is a container of module federation: an object with init and get, which takes modules
// from those that the application shares. What a bundler makes of one is long because it brings modules along;
// this one brings none, so it is written by hand and shipped as it is.
(() => {
  "use strict";

  const NAME = "hubsmith-messages";
  const EVERY_MS = 10000; // JupyterLab asks for kernels and sessions as often
  const AFTER_AN_ERROR_MS = 60000;
  const SHORT = 140; // characters; JupyterLab leaves out what follows
  let shared = null;

  // The application has one version of its own packages.
  async function load(name) {
    const [version] = Object.values(shared[name] || {});
    if (!version) throw new Error(`${name} is not shared by this application`);
    return (await version.get())();
  }

  // When servers stop, in this browser's time zone.
  function whole({ text, stop_at: stopAt }) {
    if (stopAt === null) return text;
    const time = new Date(stopAt * 1000);
    const today = time.toDateString() === new Date().toDateString();
    const options = { timeStyle: "short", ...(today ? {} : { dateStyle: "medium" }) };
    const when = new Intl.DateTimeFormat(undefined, options).format(time);
    return `Your server will be stopped at ${when}. Save your work. ${text}`.trim();
  }

  function show(apputils, message) {
    const text = whole(message);
    const read = () => apputils.showDialog({ title: "Message", body: text, buttons: [apputils.Dialog.okButton()] });
    const actions = text.length > SHORT ? [{ label: "Read all", callback: read }] : [];
    return apputils.Notification.emit(text, message.level, { autoClose: false, actions });
  }

  async function ask(services, settings) {
    const url = `${settings.baseUrl}hubsmith/messages`;
    const answer = await services.ServerConnection.makeRequest(url, { cache: "no-store" }, settings);
    if (!answer.ok) throw new services.ServerConnection.ResponseError(answer);
    return (await answer.json()).messages;
  }

  async function activate(app) {
    const [apputils, services] = await Promise.all(["@jupyterlab/apputils", "@jupyterlab/services"].map(load));
    const shown = new Map(); // the message's id: that of its notification
    let timer = null;
    let asking = false;

    function update(messages) {
      const now = new Set(messages.map(({ id }) => id));
      for (const [id, notification] of shown) {
        if (now.has(id)) continue;
        apputils.Notification.dismiss(notification);
        shown.delete(id);
      }
      for (const message of messages) {
        if (!shown.has(message.id)) shown.set(message.id, show(apputils, message));
      }
    }

    // Not while the page is hidden: it would keep its server from being idle, where JupyterLab does not.
    async function look() {
      clearTimeout(timer);
      if (document.hidden || asking) return;
      asking = true;
      let wait = EVERY_MS;
      try {
        update(await ask(services, app.serviceManager.serverSettings));
      } catch (error) {
        wait = AFTER_AN_ERROR_MS; // the server is gone, or is another one: JupyterLab says so itself
        console.debug(NAME, error);
      }
      asking = false;
      timer = setTimeout(look, wait);
    }

    document.addEventListener("visibilitychange", look);
    app.restored.then(look);
  }

  const plugin = { id: `${NAME}:plugin`, description: "Shows messages of the hub.", autoStart: true, activate };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
