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
