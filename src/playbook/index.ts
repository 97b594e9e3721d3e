export { checkPlaybook, type ParseOptions, parsePlaybook } from './parse.js'
