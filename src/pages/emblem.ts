/** A night sky with a keyhole in it. */
export const EMBLEM =
  '<path d="M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22z" fill="currentColor"/><path d="M12 6.2a3.3 3.3 0 0 0-1.7 6.1L9.2 17.6h5.6l-1.1-5.3A3.3 3.3 0 0 0 12 6.2z" fill="var(--paper, #f7f5f0)"/>'

export const ICON: string = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" color="#171a21"><style>@media (prefers-color-scheme: dark) { svg { color: #ebe7de; --paper: #0e1117 } }</style>${EMBLEM}</svg>\n`
