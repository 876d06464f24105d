// What a keyboard needs and mdBook leaves out.
(() => {
  const toggle = document.getElementById("mdbook-sidebar-toggle");
  toggle.setAttribute("role", "button");
  toggle.tabIndex = 0;
  toggle.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle.click();
  });

  // What is wider than the page scrolls, and can be scrolled by keys only where it can have the focus.
  const scrolls = () => {
    for (const box of document.querySelectorAll("pre > code, .table-wrapper")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", scrolls);
  addEventListener("resize", scrolls);
})();
