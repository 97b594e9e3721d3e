import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

const indigo: MantineColorsTuple = [
  '#eef1fd',
  '#dbe1fa',
  '#b6c2f4',
  '#8fa0ee',
  '#6d83e7',
  '#566ee0',
  '#4c5fd7',
  '#3f50bd',
  '#3646a6',
  '#2b3a8f',
]

const dark: MantineColorsTuple = [
  '#e6eaf0',
  '#c9d0da',
  '#a0a9b8',
  '#7d8797',
  '#3d4758',
  '#2e3746',
  '#212835',
  '#181d26',
  '#11151c',
  '#0c0f14',
]

/** How everything looks; the colours of states are in app.css. */
export const theme = createTheme({
  colors: { indigo, dark },
  primaryColor: 'indigo',
  primaryShade: { light: 6, dark: 6 },
  autoContrast: true,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "JetBrains Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: '650',
    sizes: { h1: { fontSize: '1.35rem' }, h2: { fontSize: '1.05rem' }, h3: { fontSize: '0.95rem' } },
  },
  components: {
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true } },
    Modal: {
      defaultProps: {
        centered: true,
        removeScrollProps: { removeScrollBar: false },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
  },
})

/** Dimmed text and links that still have a contrast of 4.5 on every ground they stand on. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { '--mantine-color-dimmed': '#5a6472', '--mantine-color-placeholder': '#6b7280' },
  dark: { '--mantine-color-anchor': '#9aa9f1', '--mantine-color-dimmed': '#a0a9b8', '--mantine-color-placeholder': '#8b94a3' },
})

/** The nonce that the server put into the page, for the few styles that are made at run time. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
}
