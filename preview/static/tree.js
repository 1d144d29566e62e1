// The list on the left begins at its current row.

export function useTree() {
  const list = document.querySelector('.list [data-region="list"]');
  (list.querySelector('[aria-current="page"]') ?? list.querySelector(".row.open"))?.scrollIntoView({ block: "nearest" });
}
