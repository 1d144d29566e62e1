/** What an error says (RFC 9457). `type` is stable, "urn:keyturn:problem:..."; act on it. */
export interface Problem {
  type: string;
  /** 0 where nothing of Keyturn's answered: type "urn:keyturn:problem:unreachable". */
  status: number;
  title: string;
  detail: string;
  /** Every rule that the password breaks: type "urn:keyturn:problem:password-rejected". */
  violations: Violation[];
  /** What is wrong with the request, by field: type "urn:keyturn:problem:invalid-input". */
  errors: { field: string; message: string }[];
  /** In seconds, where waiting helps. */
  retryAfter?: number;
  /** Why the link is dead: type "urn:keyturn:problem:link-dead". */
  reason?: DeadReason;
  /** Of which factors a code can be sent: types "urn:keyturn:problem:second-step-required" and "-rejected". */
  methods?: Factor[];
  /** For which of them a code was sent just now. */
  sent?: SecondStepMethod | null;
  /** How many more wrong codes the link lives through. */
  triesLeft?: number;
  /** What a form needs to show: type "urn:keyturn:problem:challenge-required". */
  challenge?: Challenge;
}

export interface Challenge {
  method: "altcha" | "turnstile" | "hcaptcha";
  siteKey: string;
  action: string;
  /** Whether every request must have an answer; else `challenge-required` says when. */
  required?: boolean;
  /** ALTCHA's puzzle. */
  parameters?: Record<string, unknown>;
  signature?: string;
}

export type SecondStepMethod = "totp" | "sms" | "recovery_code";

/** A second factor; for "other" no code can be checked. */
export interface Factor {
  method: SecondStepMethod | "other";
  /** For its owner: "…23", the end of a phone's number. */
  hint: string;
}

/** Without a code one is sent, where the method sends codes. */
export interface SecondStepAnswer {
  method: SecondStepMethod;
  code?: string;
}

export type DeadReason = "invalid" | "expired" | "used" | "second_step";

export interface Violation {
  rule: string;
  message: string;
}

export declare class KeyturnError extends Error implements Problem {
  constructor(problem: Partial<Problem>, options?: ErrorOptions);
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly violations: Violation[];
  readonly errors: { field: string; message: string }[];
  readonly retryAfter?: number;
  readonly reason?: DeadReason;
  readonly challenge?: Challenge;
  readonly methods?: Factor[];
  readonly sent?: SecondStepMethod | null;
  readonly triesLeft?: number;
}

export interface Rule {
  name: string;
  message: string;
  limit: number | null;
  /** A regular expression with the flag u, which every accepted password matches. */
  pattern: string | null;
}

export interface LiveLink {
  valid: true;
  email: string;
  /** ISO 8601 */
  expiresAt: string;
  /** Whether it sets the account's first password, as that of an invitation does. */
  awaitsPassword: boolean;
  /** Why an operator asked for the new password, in the operator's own words; absent where none did. */
  operatorReason?: string;
}

export interface DeadLink {
  valid: false;
  reason: DeadReason;
}

export interface Judgement {
  accepted: boolean;
  violations: Violation[];
}

export interface Done {
  success: true;
  message: string;
}

export interface ClientOptions {
  /** The `base_url` of the service; without it, the page's own origin. */
  url?: string;
  /** The service's `server.api_path`, "/api/auth" unless that is set. */
  path?: string;
  /** A BCP 47 tag, sent as Accept-Language; without it the browser's languages are. */
  language?: string;
}

/** Every call rejects with a KeyturnError, also where nothing answered within 20 seconds. */
export interface Client {
  requestReset(email: string, options?: { challenge?: string }): Promise<Done>;
  /** Where the service asks for one: what it is, and of ALTCHA a fresh puzzle. */
  challenge(): Promise<Challenge>;
  /** Gives the code of a mail for a token, where mails have one. */
  verifyCode(email: string, code: string): Promise<{ token: string; expiresAt: string }>;
  validate(token: string, options?: { email?: string }): Promise<LiveLink | DeadLink>;
  /** Judges a password that is not set yet; the link stays alive. */
  check(token: string, password: string, options?: { email?: string }): Promise<Judgement>;
  reset(
    token: string, newPassword: string,
    options?: { email?: string; confirmPassword?: string; secondStep?: SecondStepAnswer },
  ): Promise<Done>;
  /** With the token of the mail that confirms a change: it was not its reader's. Ends all access, and starts anew. */
  secureAccount(token: string): Promise<Done>;
  /** With the token of the small link in a reset mail: the request was not its reader's. No more of them for a while. */
  muteMailbox(token: string): Promise<Done>;
  /** Of who is signed in to Keyturn: from pages of its own origin alone. */
  changePassword(currentPassword: string, newPassword: string): Promise<Done>;
  policy(): Promise<{ rules: Rule[] }>;
  /** The words of the elements, in the language of that tag or else of the browser. */
  texts(language: string): Promise<{ lang: string; dir: "ltr" | "rtl"; texts: Texts; challenge?: Challenge }>;
}

export declare function createClient(options?: ClientOptions): Client;

/** The words of the elements by their names; what is in braces is filled in, and <b> is bold. An empty heading or lead is left out. */
export type Texts = Record<
  | "forgotHeading" | "forgotLead" | "email" | "malformed" | "send" | "back"
  | "sentHeading" | "sentLead" | "for" | "spam" | "nothing" | "askAgainIn" | "askAgain" | "sendAgain" | "another"
  | "changeHeading" | "changeLead" | "change" | "changeSent"
  | "resetHeading" | "firstHeading" | "password" | "firstPassword" | "again" | "show" | "hide" | "same" | "unmet" | "mismatch" | "save" | "saveFirst" | "until"
  | "strength" | "none" | "weak" | "fair" | "good" | "strong"
  | "secondStep" | "secondStepLead" | "secondStepOther" | "totp" | "sms" | "recoveryCode" | "factorCode" | "enterCode"
  | "sendCode" | "codeSent"
  | "changed" | "signIn" | "invalidHeading" | "invalid" | "expiredHeading" | "expired" | "usedHeading" | "used" | "wrongCodesHeading" | "wrongCodes"
  | "code" | "codeHeading" | "codeLead" | "codeElsewhere" | "codeMalformed" | "continue"
  | "noLink" | "noLinkLead" | "newLink" | "unloaded" | "unreachable" | "retry",
  string
>;

/**
 * Attributes: url, path, lang, texts (JSON), heading-level (1 to 6), sign-in-href;
 * email and cooldown (seconds) of the two that ask for a mail, code of keyturn-forgot, email and forgot-href of
 * keyturn-code; token, email and forgot-href of keyturn-reset.
 * They are read once, when the element is put into a page.
 */
export interface KeyturnElement extends HTMLElement {
  /** Words of your own; they count before the attribute and the service's. */
  texts?: Partial<Texts>;
}

export interface KeyturnEventMap {
  /** A mail was asked for; whether there is an account is not told. */
  "keyturn-sent": CustomEvent<{ email: string }>;
  /** The password was changed. */
  "keyturn-reset": CustomEvent<{ email: string }>;
  /** Something was refused, or the link is dead. The element says so itself. */
  "keyturn-error": CustomEvent<KeyturnError>;
}

declare global {
  interface HTMLElementTagNameMap {
    "keyturn-forgot": KeyturnElement;
    "keyturn-code": KeyturnElement;
    "keyturn-reset": KeyturnElement;
    "keyturn-change-password": KeyturnElement;
  }
  // They bubble, also out of shadow trees.
  interface HTMLElementEventMap extends KeyturnEventMap {}
  interface DocumentEventMap extends KeyturnEventMap {}
}
