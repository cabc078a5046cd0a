// The theme's two bars at the sides have no names, so whoever goes by landmarks cannot tell them apart.
// A box of code that scrolls sideways can be reached by the keyboard; one that does not is passed
// by. What is folded away has no width, so it is looked at again when it is unfolded.
document.addEventListener("DOMContentLoaded", () => {
  const names = { "sidebar-drawer": "Pages", "toc-drawer": "On this page" };
  for (const [bar, name] of Object.entries(names)) {
    document.querySelector(`aside.${bar}`)?.setAttribute("aria-label", name);
  }
  function look() {
    for (const box of document.querySelectorAll("pre")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  document.addEventListener("toggle", look, true);
  window.addEventListener("resize", look);
  look();
});
