/** What is wrong with an input, in words for the author of the playbook. */
export class BadInput extends Error {}
