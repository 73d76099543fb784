{{- define "selector" -}}
app.kubernetes.io/name: {{ .Values.project | quote }}
plateform.dev/workspace: {{ .Values.workspace | quote }}
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/instance: {{ .Values.project | quote }}
app.kubernetes.io/managed-by: plateform
app.kubernetes.io/part-of: {{ .Values.workspace | quote }}
app.kubernetes.io/version: {{ .Values.release | quote }}
plateform.dev/project: {{ .Values.project | quote }}
{{- end }}

{{- define "probe" -}}
{{- if hasKey .Values "health" }}
httpGet:
  path: {{ .Values.health.path | quote }}
  port: http
{{- else }}
tcpSocket:
  port: http
{{- end }}
{{- end }}

{{/* Kubernetes reads $(NAME) and $$ in the value of a variable; doubling every $ keeps the value as it was written. */}}
{{- define "env" -}}
{{- $named := dict }}
{{- range .Values.env }}
{{- $_ := set $named .name true }}
- name: {{ .name | quote }}
  {{- if hasKey . "valueFrom" }}
  valueFrom:
    secretKeyRef:
      name: {{ .valueFrom.secretKeyRef.name | quote }}
      key: {{ .valueFrom.secretKeyRef.key | quote }}
  {{- else }}
  value: {{ .value | replace "$" "$$" | quote }}
  {{- end }}
{{- end }}
{{- if not (hasKey $named "PORT") }}
- name: PORT
  value: {{ .Values.port | int | quote }}
{{- end }}
{{- end }}

{{/* What all pods keep to. Images that start as root and drop to a user of their own are for namespaces of the standard baseline. */}}
{{- define "pod-security" -}}
{{- if eq .Values.podSecurity "restricted" }}
runAsNonRoot: true
{{- end }}
seccompProfile:
  type: RuntimeDefault
sysctls:
  # Any user may listen on port 80.
  - name: net.ipv4.ip_unprivileged_port_start
    value: "0"
{{- end }}

{{- define "container-security" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  {{- if eq .Values.podSecurity "baseline" }}
  # What images that start as root and drop to a user of their own cannot do without.
  add: [CHOWN, DAC_OVERRIDE, FOWNER, NET_BIND_SERVICE, SETGID, SETUID]
  {{- end }}
{{- end }}

{{/* Labels of what runs beside the app: its own name, so that no request of the app's Service gets there. Takes a dict of the chart's
     root, the name and the component. */}}
{{- define "part-selector" -}}
app.kubernetes.io/name: {{ printf "%s-%s" .root.Values.project .name | quote }}
app.kubernetes.io/component: {{ .component }}
plateform.dev/workspace: {{ .root.Values.workspace | quote }}
{{- end }}

{{- define "part-labels" -}}
{{ include "part-selector" . }}
app.kubernetes.io/instance: {{ .root.Values.project | quote }}
app.kubernetes.io/managed-by: plateform
app.kubernetes.io/part-of: {{ .root.Values.workspace | quote }}
app.kubernetes.io/version: {{ .root.Values.release | quote }}
plateform.dev/project: {{ .root.Values.project | quote }}
{{- end }}

{{/* The container of a command: a dict of the chart's root, the name, the command and the resources. */}}
{{- define "command" -}}
- name: {{ .name | quote }}
  image: {{ printf "%s@%s" .root.Values.image.repository .root.Values.image.digest | quote }}
  imagePullPolicy: IfNotPresent
  command:
    {{- range .command }}
    - {{ . | replace "$" "$$" | quote }}
    {{- end }}
  env:
    {{- include "env" .root | trim | nindent 4 }}
  resources:
    requests:
      cpu: {{ .resources.cpu | quote }}
      memory: {{ .resources.memory | quote }}
    limits:
      memory: {{ .resources.memory | quote }}
  securityContext:
    {{- include "container-security" .root | nindent 4 }}
{{- end }}

{{/* A pod that runs a command to its end. */}}
{{- define "job-pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
terminationGracePeriodSeconds: 30
securityContext:
  {{- include "pod-security" .root | trim | nindent 2 }}
containers:
  {{- include "command" . | nindent 2 }}
{{- end }}
