{{/* Each takes a dict of the chart's root as "root" and one service as "service". */}}

{{- define "name" -}}
{{ printf "%s-%s" .root.Values.project .service.name }}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .root.Values.project | quote }}
app.kubernetes.io/component: {{ .service.name | quote }}
plateform.dev/workspace: {{ .root.Values.workspace | quote }}
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/instance: {{ .root.Values.project | quote }}
app.kubernetes.io/managed-by: plateform
app.kubernetes.io/part-of: {{ .root.Values.workspace | quote }}
app.kubernetes.io/version: {{ .root.Values.release | quote }}
plateform.dev/project: {{ .root.Values.project | quote }}
{{- end }}

{{/* Kubernetes reads $(NAME) and $$ in the value of a variable; doubling every $ keeps the value as it was written.
     What people set goes before what the chart sets by itself. */}}
{{- define "env" -}}
{{- $named := dict }}
{{- range .service.env }}
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
{{- $own := dict "PORT" .service.port "SERVER_PORT" .service.port "MANAGEMENT_ENDPOINT_HEALTH_PROBES_ENABLED" true }}
{{- with .root.Values.profiles }}
{{- $_ := set $own "SPRING_PROFILES_ACTIVE" (join "," .) }}
{{- end }}
{{- range $name, $value := $own }}
{{- if not (hasKey $named $name) }}
- name: {{ $name }}
  value: {{ $value | toString | replace "$" "$$" | quote }}
{{- end }}
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
