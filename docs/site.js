// What scrolls can be reached by keyboard, and each "copy" has a name of its own. The theme makes
// both after the page has loaded.
function name() {
  document.querySelectorAll(".md-typeset__scrollwrap").forEach((table) => {
    table.tabIndex = 0;
  });
  document.querySelectorAll(".md-code__nav").forEach((nav, index) => {
    nav.setAttribute("aria-label", `Code ${index + 1}`);
  });
}

new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
name();
