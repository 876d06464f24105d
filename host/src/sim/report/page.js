// A link to a request opens it, wherever the link is.
const open = () => {
  const request = location.hash && document.getElementById(location.hash.slice(1));
  if (!request) return;
  request.open = true;
  request.querySelector("summary").focus();
};
addEventListener("hashchange", open);
// A second click on the same link changes no hash.
addEventListener("click", (event) => event.target.closest?.("svg a") && setTimeout(open));
open();
