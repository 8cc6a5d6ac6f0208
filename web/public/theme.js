// Runs before the first paint, so that a dark page is never shown light for a moment.
// It is a file of its own, as the page's policy refuses scripts within the document.
(function () {
  try {
    var stored = JSON.parse(localStorage.getItem("outflow.preferences") || "{}");
    if (stored.theme === "light" || stored.theme === "dark") {
      document.documentElement.dataset.theme = stored.theme;
    }
  } catch (_) {
    // Without storage the page follows the system.
  }
  // Before signing in there is no navigation, whose place is held until the page has loaded.
  if (/^\/(login|setup)/.test(location.pathname)) document.documentElement.dataset.boot = "bare";
})();
