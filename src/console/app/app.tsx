import { MantineProvider } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { BrowserRouter, Navigate, Route, Routes } from 'react-router'
import { Provider } from 'urql'
import { ExecutionsPage } from '../executions/executions-page.js'
import { client } from '../lib/client.js'
import { NotFound } from './not-found.js'
import { Shell } from './shell.js'
import { Loading } from './states.js'
import { Survivor } from './survivor.js'
import { styleNonce, theme, variables } from './theme.js'

const ExecutionPage = lazy(() => import('../execution/execution-page.js').then((module) => ({ default: module.ExecutionPage })))
const PlaybooksPage = lazy(() => import('../playbooks/playbooks-page.js').then((module) => ({ default: module.PlaybooksPage })))
const PlaybookPage = lazy(() => import('../playbooks/playbook-page.js').then((module) => ({ default: module.PlaybookPage })))
const EditorPage = lazy(() => import('../playbooks/editor-page.js').then((module) => ({ default: module.EditorPage })))
const PlaygroundPage = lazy(() =>
  import('../playground/playground-page.js').then((module) => ({ default: module.PlaygroundPage })),
)
const InboxPage = lazy(() => import('../inbox/inbox-page.js').then((module) => ({ default: module.InboxPage })))
const SchedulesPage = lazy(() => import('../schedules/schedules-page.js').then((module) => ({ default: module.SchedulesPage })))
const SpacesPage = lazy(() => import('../spaces/spaces-page.js').then((module) => ({ default: module.SpacesPage })))
const SpacePage = lazy(() => import('../spaces/space-page.js').then((module) => ({ default: module.SpacePage })))
const ComparePage = lazy(() => import('../compare/compare-page.js').then((module) => ({ default: module.ComparePage })))
const ExplorerPage = lazy(() => import('./explorer-page.js').then((module) => ({ default: module.ExplorerPage })))

/** The addresses of the console. The server answers each of them with the same page. */
export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <Provider value={client}>
        <BrowserRouter>
          <Shell>
            <Survivor>
              <Suspense fallback={<Loading what="the page" />}>
                <Routes>
                  <Route path="/" element={<Navigate to="/executions" replace />} />
                  <Route path="/executions" element={<ExecutionsPage />} />
                  <Route path="/executions/:id" element={<ExecutionPage />} />
                  <Route path="/playbooks" element={<PlaybooksPage />} />
                  <Route path="/playbooks/view" element={<PlaybookPage />} />
                  <Route path="/playbooks/edit" element={<EditorPage />} />
                  <Route path="/inbox" element={<InboxPage />} />
                  <Route path="/schedules" element={<SchedulesPage />} />
                  <Route path="/globals" element={<SpacesPage />} />
                  <Route path="/globals/*" element={<SpacePage />} />
                  <Route path="/playground" element={<PlaygroundPage />} />
                  <Route path="/compare" element={<ComparePage />} />
                  <Route path="/explorer" element={<ExplorerPage />} />
                  <Route path="*" element={<NotFound />} />
                </Routes>
              </Suspense>
            </Survivor>
          </Shell>
        </BrowserRouter>
      </Provider>
    </MantineProvider>
  )
}
