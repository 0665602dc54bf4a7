"""Readers of small files of known form, which decode what patterns cannot see: base64 in a docker config, a keystore's
password, a hash in a shadow file.

format          what every reader is                 reading         FORMATS, and what they find in a file
json_text, ini_text, yaml_text, xml_text             documents with places, bounded and hostile-safe
picks           formats that are keys and values     the rest        one family of formats each
"""
