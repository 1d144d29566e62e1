// The brand of the elements, as CSS variables. A service serves this rule with the values of its own brand.

export const BRAND = ".root { --brand-accent: light-dark(#14614b, #6fd3ae); --brand-on-accent: light-dark(#ffffff, #0b1f18); --brand-radius: 8px; --brand-font: system-ui; }";
