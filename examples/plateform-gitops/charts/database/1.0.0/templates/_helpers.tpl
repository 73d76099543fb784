{{- define "selector" -}}
app.kubernetes.io/name: {{ .Values.project | quote }}
app.kubernetes.io/component: database
plateform.dev/workspace: {{ .Values.workspace | quote }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.project | quote }}
app.kubernetes.io/instance: {{ .Values.project | quote }}
app.kubernetes.io/managed-by: plateform
app.kubernetes.io/part-of: {{ .Values.workspace | quote }}
app.kubernetes.io/version: {{ .Values.release | quote }}
plateform.dev/workspace: {{ .Values.workspace | quote }}
plateform.dev/project: {{ .Values.project | quote }}
{{- end }}

{{/* What keeps a volume when its project goes: Helm and Plateform read the first, Argo CD the second. */}}
{{- define "retention" -}}
{{- if eq .Values.deletionPolicy "retain" }}
annotations:
  helm.sh/resource-policy: keep
  argocd.argoproj.io/sync-options: Prune=false,Delete=false
{{- end }}
{{- end }}

{{/* One variable out of the credentials: a dict of root, name and key. */}}
{{- define "credential" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.credentials.secret | quote }}
      key: {{ .key }}
{{- end }}

{{- define "pod-security" -}}
# The user of the engines' official images.
runAsUser: 999
runAsGroup: 999
runAsNonRoot: true
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "container-security" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end }}

{{- define "resources" -}}
requests:
  cpu: {{ .Values.resources.cpu | quote }}
  memory: {{ .Values.resources.memory | quote }}
limits:
  memory: {{ .Values.resources.memory | quote }}
{{- end }}
